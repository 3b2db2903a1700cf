-- A claim looks whether its command to grant is a dead letter.
CREATE INDEX dead_letters_fact ON dead_letters (fact_id, consumer);
