-- How many of these feeds are in which health, read from their states as `engine.wire` writes them: a state has one
-- `"health":"…"`, since a quote inside a text is escaped. Feeds without one count as new.
-- KEYS: due, which stands for the slot. ARGV: prefix, then id… Answers {health, number…}.
local prefix = take()
local counts, answer = {}, {}
while position < #ARGV do
  local feed = fields_of(prefix .. ':feed:' .. take(), 'state')
  local state = feed and feed[1] or ''
  local health = string.match(state, '"health":"([%a_]+)"') or 'new'
  counts[health] = (counts[health] or 0) + 1
end
for health, number in pairs(counts) do
  answer[#answer + 1] = health
  answer[#answer + 1] = number
end
return answer
