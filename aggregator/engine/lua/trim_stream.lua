-- Drops what is too old and acknowledged by every living group, and, over the cap, the oldest whatever it is. What goes
-- is acknowledged for the groups that had taken it.
-- KEYS: stream, groups, dropped. ARGV: now, age ms, cap bytes, ms after which an idle group is forgotten,
-- '1' = never drop what is not acknowledged, most entries dropped by the cap in this call.
-- Answers {trimmed by age, dropped by the cap, bytes, '1' = call again, '1' = a group holds it over the cap, forgotten…}.
-- Trimming is the first write, because it is allowed when memory is full, and what follows a write is too.
local stream, groups_key, dropped_key = unpack(KEYS)
local now, age, cap = now_ms(take()), tonumber(take()), tonumber(take())
local forget, careful, most = tonumber(take()), take() == '1', tonumber(take())
local bad = wrong_type({ { stream, 'stream' }, { groups_key, 'hash' }, { dropped_key, 'hash' } })
if bad then
  return redis.error_reply(bad)
end
if redis.call('EXISTS', stream) == 0 then
  return { 0, 0, 0, '0', '0', {} }
end

local function parts(id)
  local ms, seq = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(seq)
end

local function before(a, b)
  local a_ms, a_seq = parts(a)
  local b_ms, b_seq = parts(b)
  return a_ms < b_ms or (a_ms == b_ms and a_seq < b_seq)
end

local function after(id)
  local ms, seq = parts(id)
  return whole(ms) .. '-' .. whole(seq + 1)
end

-- The groups that are behind, with the first id each still needs, and whether it is long idle. What a group has not
-- acknowledged and what no longer stands (dropped, or deleted by a consumer) it cannot need.
local function groups_behind()
  local newest = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
  local oldest = redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1]
  local behind = {}
  for _, row in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
    local info = {}
    for j = 1, #row, 2 do
      info[row[j]] = row[j + 1]
    end
    local group = { name = info['name'], last = info['last-delivered-id'], needs = after(info['last-delivered-id']) }
    local pending = oldest and redis.call('XPENDING', stream, group.name, oldest[1], '+', 1)[1]
    if pending then
      group.needs = pending[1]
    end
    if pending or (newest and before(group.last, newest[1])) then
      group.field = stream .. ' ' .. group.name
      group.progress = group.last .. '/' .. group.needs
      local noted = redis.call('HGET', groups_key, group.field) or ''
      local progress, since = string.match(noted, '^(.*)|(%d+)$')
      group.since = progress == group.progress and tonumber(since) or now
      group.forgotten = now - group.since > forget
      behind[#behind + 1] = group
    end
  end
  return behind
end

-- Acknowledges for every group what is pending there and no longer stands: XREADGROUP from 0 would answer with it, without
-- fields, for ever. At most `most` for each group in this call.
local function acknowledge_dropped()
  local oldest = redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1]
  for _, row in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
    local group
    for j = 1, #row, 2 do
      group = row[j] == 'name' and row[j + 1] or group
    end
    local gone = {}
    for i, pending in ipairs(redis.call('XPENDING', stream, group, '-', oldest and '(' .. oldest[1] or '+', most)) do
      gone[i] = pending[1]
    end
    for first = 1, #gone, 1000 do
      redis.call('XACK', stream, group, unpack(gone, first, math.min(first + 999, #gone)))
    end
  end
end

local behind = groups_behind()
local needed, forgotten = nil, {}
for _, group in ipairs(behind) do
  if group.forgotten then
    forgotten[#forgotten + 1] = group.name
  elseif not needed or before(group.needs, needed) then
    needed = group.needs
  end
end
local oldest = whole(math.max(0, now - age)) .. '-0'
if needed and before(needed, oldest) then
  oldest = needed
end
local trimmed = redis.call('XTRIM', stream, 'MINID', '=', oldest)
for _, group in ipairs(behind) do
  redis.call('HSET', groups_key, group.field, group.progress .. '|' .. whole(group.since))
end

acknowledge_dropped()

local bytes = redis.call('MEMORY', 'USAGE', stream, 'SAMPLES', 100)
local length = redis.call('XLEN', stream)
if bytes <= cap or length == 0 then
  return { trimmed, 0, bytes, '0', '0', forgotten }
end
local over = math.ceil(length * (1 - cap / bytes))
local rows = redis.call('XRANGE', stream, '-', '+', 'COUNT', math.min(over, most))
local ids = {}
for i, row in ipairs(rows) do
  if careful and needed and not before(row[1], needed) then
    break
  end
  ids[i] = row[1]
end
if #ids == 0 then
  return { trimmed, 0, bytes, '0', '1', forgotten }
end
local last = ids[#ids]
local lost = {} -- of each group: what it was never given, and what it was given and has not acknowledged
for _, group in ipairs(behind) do
  local unread = 0
  for _, id in ipairs(ids) do
    if before(group.last, id) then
      unread = unread + 1
    end
  end
  lost[group.field] = unread + #redis.call('XPENDING', stream, group.name, ids[1], last, #ids)
end
redis.call('XTRIM', stream, 'MINID', '=', after(last))
acknowledge_dropped()
add(dropped_key, stream, #ids)
for field, number in pairs(lost) do
  if number > 0 then
    add(dropped_key, field, number)
  end
end
return { trimmed, #ids, bytes, over > #ids and not (careful and #ids < #rows) and '1' or '0',
  careful and #ids < #rows and '1' or '0', forgotten }
