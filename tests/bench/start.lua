-- wrk: start a run and wait until it is finished.
local body = '{"automation":"' .. os.getenv("BENCH_AUTOMATION") .. '","inputs":{"order":"01HZX3M9Q8V7T6K5J4H3G2F1E0","amount":1234}}'
local head = {
  ["Content-Type"] = "application/json",
  ["Authorization"] = "Bearer " .. os.getenv("BENCH_KEY"),
}
request = function() return wrk.format("POST", "/capstan/v1/runs?wait=20s", head, body) end
done = function(s, l, r)
  io.write(string.format("RESULT rps=%.1f p50_ms=%.3f p99_ms=%.3f max_ms=%.3f errors=%d\n",
    s.requests / s.duration * 1e6, l:percentile(50) / 1e3, l:percentile(99) / 1e3,
    l.max / 1e3, s.errors.connect + s.errors.read + s.errors.write + s.errors.status + s.errors.timeout))
end
