-- wrk: start a run and, unless told otherwise, wait until it is finished.
local query = os.getenv("BENCH_QUERY") or "?wait=20s"
local body = '{"automation":"' .. os.getenv("BENCH_AUTOMATION") .. '","inputs":{"order":"01HZX3M9Q8V7T6K5J4H3G2F1E0","amount":1234}}'
local head = {
  ["Content-Type"] = "application/json",
  ["Authorization"] = "Bearer " .. os.getenv("BENCH_KEY"),
}
request = function() return wrk.format("POST", "/capstan/v1/runs" .. query, head, body) end
dofile((os.getenv("CAPSTAN_SOURCE") or ".") .. "/tests/bench/result.lua")
