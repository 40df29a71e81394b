-- wrk: single track events of about 250 bytes, every one with a message ID of its own.
local thread_count = 0
function setup(thread) thread:set("id", thread_count); thread_count = thread_count + 1 end

function init()
  math.randomseed(os.time() * 1000 + id)
  run = string.format("%08x%04x", math.random(0, 0x7fffffff), math.random(0, 0xffff))
  n = 0
  timestamp = os.date("!%Y-%m-%dT%H:%M:%S.000Z")
  local key = os.getenv("WRITE_KEY_BASIC")
  wrk.method = "POST"
  wrk.path = "/v1/track"
  wrk.headers["Content-Type"] = "application/json"
  wrk.headers["Authorization"] = "Basic " .. key
end

function request()
  n = n + 1
  local ms = os.time() * 1000 + n % 1000
  local body = string.format(
    '{"messageId":"node-next-%013d-%s-%d-%d","userId":"learner-%d","event":"Chat Message Sent",' ..
    '"timestamp":"%s","properties":{"courseId":"course-%d","lectureId":"lecture-%d","lengthChars":%d},' ..
    '"context":{"library":{"name":"bench","version":"1"}}}',
    ms, run, id, n, (n * 7919 + id) % 20000, timestamp, n % 40, n % 200, n % 300)
  return wrk.format(nil, nil, nil, body)
end

dofile(os.getenv("BENCH_DIR") .. "/result.lua")
