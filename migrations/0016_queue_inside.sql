-- Who is inside the line of a node without Redis is counted at each round: that must not look at all who wait.
CREATE INDEX queue_line_inside ON queue_line (queue_id) WHERE inside;
