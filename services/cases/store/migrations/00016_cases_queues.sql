-- +goose Up
-- Who can act is a set of roles. A list of what awaits a role reads each set with that role in order, and no other.
CREATE INDEX cases_queue_deadline ON cases (merchant_id, status, awaiting, deadline, case_id, stage);
CREATE INDEX cases_queue_newest ON cases (merchant_id, status, awaiting, opened_at, case_id, stage);
CREATE INDEX cases_by_stage_deadline ON cases (merchant_id, stage, deadline, case_id);
CREATE INDEX cases_by_reason ON cases (merchant_id, needs_attention, attention_reason, deadline, case_id, opened_at, stage);
