-- What every script begins with. Times are milliseconds since 1970; an empty `given` means the server's clock.
-- While a script runs, nobody else writes: what it has asked once (the time, a key's type, what the ACL allows) it need
-- not ask again for the next of sixteen polls.

local clock
local function server_clock()
  clock = clock or redis.call('TIME')
  return clock
end

local function now_ms(given)
  if given ~= '' then
    return tonumber(given)
  end
  local time = server_clock()
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Lua writes large numbers as 1.7e+12.
local function whole(number)
  return string.format('%.0f', number)
end

-- A number that stands in Redis; 0 for what is none, since others can write there, too.
local function numeric(value)
  local found = tonumber(value or '0') or 0
  return (found == found and math.abs(found) < 1e15) and found or 0
end

-- Whether a time lies ahead, and no further than it can have been set: what lies further was set before the clock was
-- put back, and would bar others for as long as that was.
local function ahead(value, now, furthest)
  local at = numeric(value)
  return at > now and at <= now + furthest
end

-- A private key that belongs to one row alone: what it holds of another type is taken away, so that the row begins anew.
local function own(key, kind)
  local found = redis.call('TYPE', key).ok
  if found ~= 'none' and found ~= kind then
    redis.call('DEL', key)
  end
end

-- The fields of a hash, nil for a key of another type.
local function fields_of(key, ...)
  local found = redis.pcall('HMGET', key, ...)
  return not found.err and found or nil
end

local function is_refused(answer)
  return type(answer) == 'table' and answer.err
end

-- Adds to a count, which begins anew where something else stands.
local function add(key, field, more)
  if is_refused(redis.pcall('HINCRBY', key, field, more)) then
    redis.call('HSET', key, field, more)
  end
end

-- What scripts write to keys of each type, with arguments that suit.
local WRITES = {
  hash = { { 'HSET', 'f', 'v' }, { 'HDEL', 'f' }, { 'HINCRBY', 'f', '1' }, { 'PEXPIRE', '1' } },
  stream = { { 'XADD', '*', 'f', 'v' }, { 'XDEL', '1-1' } },
  zset = { { 'ZADD', '1', 'm' } },
  string = { { 'SET', 'v' } },
}

-- The command that the server's ACL does not let us give, as an error text. Asked before the first write: a refusal in
-- the middle of a script would leave half of it (a state without its entries), since nothing is rolled back. Redis 6.2
-- cannot be asked.
local allowed = {}
local function denied(command, key, ...)
  local question = command .. ' ' .. key
  if allowed[question] or not redis.acl_check_cmd then
    return nil
  end
  if not redis.acl_check_cmd(command, key, ...) then
    return 'NOPERM this user has no permissions to run ' .. command .. ' on ' .. key
  end
  allowed[question] = true
  return nil
end

local function denied_write(key, kind)
  for _, write in ipairs(WRITES[kind] or {}) do
    local bad = denied(write[1], key, unpack(write, 2))
    if bad then
      return bad
    end
  end
  return nil
end

-- The first of `told` (each has a channel at `place`) that may not be told.
local function denied_channel(told, place)
  for _, one in ipairs(told) do
    local bad = one[place] ~= '' and denied('PUBLISH', one[place], '') or nil
    if bad then
      return bad
    end
  end
  return nil
end

-- The first key of `wanted` ({key, type} pairs) that holds something of another type, or may not be written, as an error
-- text.
local sound = {}
local function wrong_type(wanted)
  for _, pair in ipairs(wanted) do
    local key, kind = pair[1], pair[2]
    if sound[key] ~= kind then
      local found = redis.call('TYPE', key).ok
      if found ~= 'none' and found ~= kind then
        return 'WRONGTYPE ' .. key .. ' holds a ' .. found .. ' where a ' .. kind .. ' is needed'
      end
      local bad = denied_write(key, kind)
      if bad then
        return bad
      end
      sound[key] = kind
    end
  end
  return nil
end

-- A token is the time in microseconds, or one more than the last: it grows even when a server that lost its newest
-- writes (AOF everysec, fail-over) has forgotten the tokens it gave out.
local function token_after(last)
  local time = server_clock()
  local stamp = time[1] * 1000000 + time[2]
  last = tonumber(last or '0') or 0 -- microseconds: more than `numeric` takes
  if not (last >= 0 and last < 9e15) then
    last = 0 -- not ours: beyond 2^53 a number and the next one are the same, and tokens would not grow
  end
  if stamp <= last then
    stamp = last + 1
  end
  return stamp
end

-- Values from ARGV, one after the other.
local position = 0
local function take()
  position = position + 1
  return ARGV[position]
end

-- Lua cannot unpack more than about 8,000 values.
local MOST_UNPACKED = 2000

local function take_many(count)
  if count <= MOST_UNPACKED then
    local first = position + 1
    position = position + count
    return { unpack(ARGV, first, position) }
  end
  local values = {}
  for i = 1, count do
    values[i] = take()
  end
  return values
end

local function hset_many(key, pairs_flat)
  for first = 1, #pairs_flat, MOST_UNPACKED do
    redis.call('HSET', key, unpack(pairs_flat, first, math.min(first + MOST_UNPACKED - 1, #pairs_flat)))
  end
end

-- Counts of one minute, in the hash of its hour: `flat` is name, number, name, number…, a field `MM:name`.
local kept = {}
local function count(prefix, now, flat, keep_ms)
  if #flat == 0 then
    return
  end
  local key = prefix .. ':stats:' .. whole(math.floor(now / 3600000))
  local minute = string.format('%02d:', math.floor(now / 60000) % 60)
  for i = 1, #flat, 2 do
    local field = minute .. flat[i]
    -- Asked of its type only then: every poll counts.
    if is_refused(redis.pcall('HINCRBY', key, field, flat[i + 1])) then
      own(key, 'hash')
      redis.call('HSET', key, field, flat[i + 1])
    end
  end
  if not kept[key] then
    redis.call('PEXPIRE', key, keep_ms)
    kept[key] = true
  end
end

-- Whether a queue can take messages of this kind. Its key may hold another type: its kind was changed in feeds.toml, or
-- a consumer made it first. Its messages are counted as lost to it then (the field begins with a blank, as no key does),
-- and nothing else waits for it.
local function takes(queue, kind, dropped_key)
  if sound[queue] == kind then
    return true
  end
  local found = redis.call('TYPE', queue).ok
  if found == 'none' or found == kind then
    sound[queue] = kind
    return true
  end
  add(dropped_key, ' ' .. found .. ' ' .. queue, 1)
  return false
end

-- What rows of messages are made of: their fields' names, each before its value. The names are sent once, since of the
-- words of a message, each of which the server has to make and to free, they would be a third.
local function take_row_form()
  local form = {}
  for i, name in ipairs(take_many(tonumber(take()))) do
    form[2 * i - 1], form[2 * i] = name, ''
  end
  return form
end

-- A row of a message; one that goes to no stream has no values.
local function take_row(form)
  local count = tonumber(take())
  local row = { unpack(form, 1, 2 * count) }
  for i = 1, count do
    row[2 * i] = take()
  end
  return row
end

-- Messages for consumers, as `message_arguments` in outgoing.py writes them.
local function take_messages(number, form)
  local messages = {}
  for i = 1, number do
    local message = { fields = take_row(form) }
    message.streams = take_many(tonumber(take()))
    message.lists = take_many(tonumber(take()))
    message.json, message.channel, message.payload = take(), take(), take()
    messages[i] = message
  end
  return messages
end

local function send(message, dropped_key, cap)
  for _, stream in ipairs(message.streams) do
    if takes(stream, 'stream', dropped_key) then
      redis.call('XADD', stream, '*', unpack(message.fields))
    end
  end
  for _, list in ipairs(message.lists) do
    local length = takes(list, 'list', dropped_key) and redis.call('LPUSH', list, message.json) or 0
    if length > cap then
      redis.call('LTRIM', list, 0, cap - 1)
      add(dropped_key, list, length - cap)
    end
  end
  if message.channel ~= '' then
    redis.call('PUBLISH', message.channel, message.payload)
  end
end

-- Event records: `events` is id, JSON, merged into ('' = it lives)…
local function keep_events(prefix, events, merged_key, now, keep_ms)
  for i = 1, #events, 3 do
    redis.call('SET', prefix .. ':event:' .. events[i], events[i + 1], 'PX', keep_ms)
    if events[i + 2] ~= '' then
      redis.call('HSET', merged_key, events[i], events[i + 2] .. '|' .. whole(now))
    end
  end
end

-- A notice is {fields (flat), channel, payload}.
local function take_notices(number)
  local notices = {}
  for i = 1, number do
    local fields = take_many(tonumber(take()))
    notices[i] = { fields, take(), take() }
  end
  return notices
end

local function tell(trouble_key, notices)
  for _, notice in ipairs(notices) do
    redis.call('XADD', trouble_key, '*', unpack(notice[1]))
    redis.call('PUBLISH', notice[2], notice[3])
  end
end

-- The gate of a host lives as long as the last of its times, as they stand in it (`false` is none).
local function keep_host_until(key, now, held, next, lapses)
  local last = math.max(now, numeric(held), numeric(next), numeric(lapses))
  redis.call('PEXPIRE', key, whole(last - now + 1000))
end

local function keep_host(key, now)
  local times = redis.call('HMGET', key, 'held', 'next', 'lapses')
  keep_host_until(key, now, times[1], times[2], times[3])
end

local function free_host(key, token, now)
  local gate = redis.call('HMGET', key, 'token', 'held', 'next')
  if gate[1] == token then
    redis.call('HDEL', key, 'token', 'lapses')
    keep_host_until(key, now, gate[2], gate[3], false)
  end
end

local function hold_host(key, until_ms, now)
  if tonumber(until_ms) > numeric(redis.call('HGET', key, 'held')) then
    redis.call('HSET', key, 'held', until_ms)
    keep_host(key, now)
  end
end
