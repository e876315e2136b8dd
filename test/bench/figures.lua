-- wrk's figures as one line of JSON. Arguments: users separated by commas, the method and, for PUT, the body.
local requests, sent = {}, 0

-- Prepares the request of each user, so that sending one costs next to nothing.
function init(args)
   if args[3] then wrk.headers["Content-Type"] = "application/json" end
   for user in args[1]:gmatch("[^,]+") do
      requests[#requests + 1] = wrk.format(args[2], "/hello/" .. user, wrk.headers, args[3])
   end
end

function request()
   sent = sent + 1
   return requests[sent % #requests + 1]
end

function done(summary, latency)
   local errors = summary.errors
   io.write(string.format(
      '\n{"requests":%d,"seconds":%.6f,"p50Ms":%.3f,"p99Ms":%.3f,"failures":%d}\n',
      summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
      errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
