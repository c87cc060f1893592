-- Posts the lines of a file in turn: `wrk -s decisions.lua URL -- FILE`. With `GET` after the file it gets the path as
-- often, so that a path without a body costs the client the same.
local requests, at = {}, 0

function init(arguments)
    local get = arguments[2] == "GET"
    wrk.headers["Content-Type"] = not get and "application/json" or nil
    for line in io.lines(arguments[1]) do
        requests[#requests + 1] = wrk.format(get and "GET" or "POST", wrk.path, wrk.headers, not get and line or nil)
    end
end

function request()
    at = at % #requests + 1
    return requests[at]
end
