-- Asks for the pages of a list in turn: `wrk -s pages.lua URL -- PAGES`, where URL ends with `page=`.
local pages, page = 1, 0

function init(arguments)
    pages = tonumber(arguments[1]) or 1
end

function request()
    page = page % pages + 1
    return wrk.format("GET", wrk.path .. page)
end
