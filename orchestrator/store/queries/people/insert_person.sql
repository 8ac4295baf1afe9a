-- Creates person :name for :actor.
-- parameters: name text, actor text
INSERT INTO person (name, created_by) VALUES (:name, :actor)
