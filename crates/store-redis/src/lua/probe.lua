-- Whether the user may do all that the other scripts do. ARGV: the channel or ''. Without effect on a key that is not
-- there, and leaves none behind.
if redis.call('EXISTS', KEYS[1]) == 1 then
  return 1
end
now()
redis.call('HMGET', KEYS[1], 'version')
redis.call('HEXISTS', KEYS[1], 'record')
redis.call('HGET', KEYS[1], 'record')
redis.call('HDEL', KEYS[1], 'holder')
redis.call('PERSIST', KEYS[1])
redis.call('PEXPIREAT', KEYS[1], '1')
redis.call('DEL', KEYS[1])
local fault = tell(ARGV[1], '')
if fault then
  return fault
end
redis.call('HSETNX', KEYS[1], 'version', '0')
local written = redis.pcall('HSET', KEYS[1], 'record', '')
redis.call('DEL', KEYS[1])
if type(written) == 'table' and written.err then
  return written
end
return 1
