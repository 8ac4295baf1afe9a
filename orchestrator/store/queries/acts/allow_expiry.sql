-- Until the end of the transaction, acts may be deleted.
SELECT set_config('tellercast.acts_expire', 'on', true)
