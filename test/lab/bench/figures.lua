-- wrk's figures as one line of JSON. Arguments: the number of users, the method and, for PUT, the body, with YYYY for a
-- year: SQLite does not write a value that is already there.
local triples, users, head, middle, tail = {}, 1, "", "", nil
local sent, first_year = 0, os.time()

-- Cuts the request where the user and the year go, so that sending one costs next to nothing.
function init(args)
   users = tonumber(args[1])
   if args[3] then wrk.headers["Content-Type"] = "application/json" end
   local request = wrk.format(args[2], "/hello/User......", wrk.headers, args[3])
   head, middle = request:match("^(.-User)%.%.%.%.%.%.(.*)$")
   if args[3] then middle, tail = middle:match("^(.*)YYYY(.*)$") end
   for n = 0, 999 do
      triples[n] = string.format("%03d", n):gsub("%d", function(digit) return string.char(97 + digit) end)
   end
end

function request()
   local user, turn = sent % users, math.floor(sent / users)
   sent = sent + 1
   local start = head .. triples[math.floor(user / 1000)] .. triples[user % 1000] .. middle
   if not tail then return start end
   return start .. (1000 + (first_year + turn) % 900) .. tail
end

function done(summary, latency)
   local errors = summary.errors
   io.write(string.format(
      '\n{"requests":%d,"seconds":%.6f,"p50Ms":%.3f,"p99Ms":%.3f,"failures":%d}\n',
      summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
      errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
