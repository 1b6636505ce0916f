-- What all scripts begin with. One session is one hash, KEYS[1], and no script touches anything else.
-- A Lua number is a double: versions and holders stay strings, and instants are microseconds of less than 53 bits.

local function damaged(what)
  return redis.error_reply('DAMAGED ' .. what)
end

local function text(number)
  return string.format('%.0f', number)
end

local function is_number(field, digits)
  return not field or (#field <= digits and string.find(field, '^%d+$') ~= nil)
end

-- The fields of the session but its record; nil if there is none; nil and the answer to give if they cannot be read.
local function read_session()
  local found = redis.pcall('HMGET', KEYS[1], 'version', 'keep_until', 'holder', 'ends', 'length', 'unsettled')
  if found.err then
    if string.find(found.err, 'WRONGTYPE', 1, true) then
      return nil, damaged('it is no hash')
    end
    return nil, found
  end
  local version, keep_until, holder, ends, length, unsettled = unpack(found)
  local has_record = redis.call('HEXISTS', KEYS[1], 'record') == 1
  if not version and not has_record and redis.call('EXISTS', KEYS[1]) == 0 then
    return nil
  end
  if not version or not is_number(version, 20) or string.find(version, '^0.') then
    return nil, damaged('its version is no number')
  end
  if not has_record then
    return nil, damaged('it has no record')
  end
  if not (is_number(keep_until, 15) and is_number(ends, 16) and is_number(length, 16) and is_number(unsettled, 10)) then
    return nil, damaged('its lease or its end is no number')
  end
  if (holder and not ends) or (ends and not length) then
    return nil, damaged('half of its lease is missing')
  end
  return {
    version = version,
    keep_until = tonumber(keep_until or nil),
    holder = holder or nil,
    ends = tonumber(ends or nil),
    length = tonumber(length or nil),
    unsettled = tonumber(unsettled or 0),
  }
end

-- Redis' own clock, in microseconds.
local function now()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000000 + tonumber(time[2])
end

local function count_unsettled(session)
  session.unsettled = math.min(session.unsettled + 1, 4294967295)
end

-- Ends what time has ended. A lease that ended by itself is an attempt whose outcome nobody learned.
local function settle(session, time)
  if not session.ends then
    return
  end
  if session.ends <= time then
    if session.holder then
      count_unsettled(session)
    end
    session.holder, session.ends, session.length = nil, nil, nil
  elseif session.ends - time > session.length then
    -- More remains than there ever was: the clock was set back, or another server took over.
    session.ends = time + session.length
  end
end

-- Without a holder, a claim is a pause.
local function claim(session, holder, length, time)
  session.holder, session.ends, session.length = holder, time + length, length
end

local function write_claim(session)
  redis.call('HSET', KEYS[1], 'unsettled', text(session.unsettled))
  if session.ends then
    redis.call('HSET', KEYS[1], 'ends', text(session.ends), 'length', text(session.length))
  else
    redis.call('HDEL', KEYS[1], 'ends', 'length')
  end
  if session.holder then
    redis.call('HSET', KEYS[1], 'holder', session.holder)
  else
    redis.call('HDEL', KEYS[1], 'holder')
  end
  if session.keep_until then
    local expires = session.keep_until
    if session.holder then
      -- A record that is being refreshed does not expire under its holder.
      expires = math.max(expires, math.ceil(session.ends / 1000))
    end
    redis.call('PEXPIREAT', KEYS[1], text(expires))
  end
end

-- Tells of a change; returns the answer to give if that was refused. Comes before the change: what cannot be told does
-- not happen. And after a first write without effect: what may not be written is not told.
local function tell(channel, change)
  if channel == '' then
    return nil
  end
  local told = redis.pcall('PUBLISH', channel, change)
  if type(told) == 'table' and told.err then
    return told
  end
  return nil
end
