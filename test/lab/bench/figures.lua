-- wrk's figures as one line of JSON. Argument: the method. Its requests are on standard input, one a line: the path and, after
-- a blank, the body.
local requests, sent = {}, 0

-- Makes all requests before the first, so that sending one costs next to nothing.
function init(args)
   if args[1] == "PUT" then wrk.headers["Content-Type"] = "application/json" end
   for line in io.lines() do
      local path, body = line:match("^(%S+) ?(.*)$")
      requests[#requests + 1] = wrk.format(args[1], path, wrk.headers, body ~= "" and body or nil)
   end
end

function request()
   sent = sent + 1
   return requests[(sent - 1) % #requests + 1]
end

function done(summary, latency)
   local errors = summary.errors
   io.write(string.format(
      '\n{"requests":%d,"seconds":%.6f,"p50Ms":%.3f,"p99Ms":%.3f,"failures":%d}\n',
      summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
      errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
