-- wrk: batches of BATCH_EVENTS track events of about 250 bytes. A few dozen bodies, made before the start and sent in
-- turn, so that making them costs wrk nothing; their message IDs repeat, which is no business of ingest's.
local thread_count = 0
function setup(thread) thread:set("id", thread_count); thread_count = thread_count + 1 end

function init()
  local events = tonumber(os.getenv("BATCH_EVENTS"))
  local timestamp = os.date("!%Y-%m-%dT%H:%M:%S.000Z")
  local headers = {["Content-Type"] = "application/json", ["Authorization"] = "Basic " .. os.getenv("WRITE_KEY_BASIC")}
  requests = {}
  for b = 1, 64 do
    local batch = {}
    for n = 1, events do
      batch[n] = string.format(
        '{"type":"track","messageId":"node-next-%013d-%d-%d-%d","userId":"learner-%d","event":"Chat Message Sent",' ..
        '"timestamp":"%s","properties":{"courseId":"course-%d","lectureId":"lecture-%d","lengthChars":%d},' ..
        '"context":{"library":{"name":"bench","version":"1"}}}',
        os.time() * 1000 + n, id, b, n, (n * 7919 + b) % 20000, timestamp, n % 40, n % 200, n % 300)
    end
    requests[b] = wrk.format("POST", "/v1/batch", headers, '{"batch":[' .. table.concat(batch, ",") .. "]}")
  end
  next_request = 0
end

function request()
  next_request = next_request % #requests + 1
  return requests[next_request]
end

dofile(os.getenv("BENCH_DIR") .. "/result.lua")
