-- A page of feeds whose time has come, the longest due first.
-- KEYS: due. ARGV: now, first place, number. Answers {id…}.
-- By rank, which is found at once: a page by score with an offset walks past all that stands before it.
local now, first, number = now_ms(take()), tonumber(take()), tonumber(take())
local due = redis.call('ZCOUNT', KEYS[1], '-inf', whole(now))
local last = math.min(first + number, due) - 1
local page = {}
if first <= last then
  page = redis.call('ZRANGE', KEYS[1], whole(first), whole(last))
end
return page
