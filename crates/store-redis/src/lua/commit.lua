-- ARGV: the expected version or '', the new version, the record, keep_until in Unix milliseconds or '', the channel or
-- '', the change to tell, the call at random. Answers 1 if the record is stored, 0 after a conflict.
local session, fault = read_session()
if fault then
  return fault
end
local found = session and session.version or ''
if found ~= ARGV[1] then
  -- The same call once more, because its connection was closed before the answer came, is no conflict.
  if found == ARGV[2] and redis.call('HGET', KEYS[1], 'call') == ARGV[7] then
    return 1
  end
  return 0
end

local created = redis.call('HSETNX', KEYS[1], 'version', ARGV[2])
fault = tell(ARGV[5], ARGV[6])
if fault then
  if created == 1 then
    redis.call('DEL', KEYS[1])
  end
  return fault
end
redis.call('HSET', KEYS[1], 'version', ARGV[2], 'record', ARGV[3], 'call', ARGV[7])
redis.call('HDEL', KEYS[1], 'holder', 'ends', 'length', 'unsettled')
if ARGV[4] == '' then
  redis.call('HDEL', KEYS[1], 'keep_until')
  redis.call('PERSIST', KEYS[1])
else
  redis.call('HSET', KEYS[1], 'keep_until', ARGV[4])
  redis.call('PEXPIREAT', KEYS[1], ARGV[4])
end
return 1
