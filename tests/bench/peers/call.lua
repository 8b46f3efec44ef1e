-- wrk: call a handler and wait for its result.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"order":"01HZX3M9Q8V7T6K5J4H3G2F1E0","amount":1234}'
dofile((os.getenv("CAPSTAN_SOURCE") or ".") .. "/tests/bench/result.lua")
