-- ARGV: the expected version, the channel or '', the change to tell. Answers 1 if the record is gone, 0 after a
-- conflict.
local session, fault = read_session()
if fault then
  return fault
end
if not session or session.version ~= ARGV[1] then
  return 0
end
redis.call('HDEL', KEYS[1], '')
fault = tell(ARGV[2], ARGV[3])
if fault then
  return fault
end
redis.call('DEL', KEYS[1])
return 1
