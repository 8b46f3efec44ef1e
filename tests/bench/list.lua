-- wrk: ask for a page.
wrk.headers["Authorization"] = "Bearer " .. os.getenv("BENCH_KEY")
dofile((os.getenv("CAPSTAN_SOURCE") or ".") .. "/tests/bench/result.lua")
