ANALYZE branch, device
