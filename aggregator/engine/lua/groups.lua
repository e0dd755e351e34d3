-- The consumer groups of a stream: {name, pending, entries not yet delivered}…
-- KEYS: stream. ARGV: most entries counted where the server (6.2) does not know the lag.
if redis.call('TYPE', KEYS[1]).ok ~= 'stream' then
  return {}
end
local most = tonumber(take())
local answers = {}
for i, row in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local group = {}
  for j = 1, #row, 2 do
    group[row[j]] = row[j + 1]
  end
  local lag = group['lag']
  if not lag then
    lag = #redis.call('XRANGE', KEYS[1], '(' .. group['last-delivered-id'], '+', 'COUNT', most)
  end
  answers[i] = { group['name'], group['pending'], lag }
end
return answers
