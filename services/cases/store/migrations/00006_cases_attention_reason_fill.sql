-- +goose Up
-- The reason is in the document as "attention":{"reason":"...", and these functions are what both engines have.
UPDATE cases
SET attention_reason = SUBSTR(SUBSTR(document, INSTR(document, '"attention":{"reason":"') + 23, 64), 1,
    INSTR(CONCAT(SUBSTR(document, INSTR(document, '"attention":{"reason":"') + 23, 64), '"'), '"') - 1)
WHERE needs_attention = 1 AND INSTR(document, '"attention":{"reason":"') > 0;
