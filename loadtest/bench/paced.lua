-- wrk: the requests of single.lua, with a pause before each, so that their rate is nearly the same however long an
-- answer takes.
dofile(os.getenv("BENCH_DIR") .. "/single.lua")

function delay()
  return math.random(10, 30)  -- ms
end
