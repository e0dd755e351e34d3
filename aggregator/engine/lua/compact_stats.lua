-- Adds up the minutes of an hour that nobody asks for by the minute any more. KEYS: stats. Answers how many fields went.
if redis.call('TYPE', KEYS[1]).ok ~= 'hash' then
  return 0
end
local minutes, sums = {}, {}
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local name = string.match(all[i], '^%d%d:(.+)$')
  if name then
    minutes[#minutes + 1] = all[i]
    sums[name] = (sums[name] or 0) + numeric(all[i + 1])
  end
end
for name, number in pairs(sums) do
  add(KEYS[1], name, whole(number))
end
for _, field in ipairs(minutes) do
  redis.call('HDEL', KEYS[1], field)
end
return #minutes
