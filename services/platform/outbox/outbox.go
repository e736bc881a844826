// Package outbox announces what has become true, surely and at least once.
//
// A message is written by [Add] in the transaction that makes it true, so there is none without the
// fact and no fact without it; a [Relay] delivers it afterwards, again and again until it succeeds.
// The receiver drops repetitions by the message's id.
//
//	err := database.InTx(ctx, db, func(tx *gorm.DB) error {
//		... // the guarded update of the refund
//		return outbox.Add(tx, outbox.Message{Topic: "refund.succeeded", Key: caseID, Payload: payload})
//	})
//	if err == nil {
//		relay.Notify()
//	}
//
// Messages with the same key are delivered one after the other in the order in which they were added;
// a message that cannot be delivered holds back those behind it. Other keys go on.
package outbox

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"aftercare.dev/services/platform/database"
	"aftercare.dev/services/platform/ids"
)

// Schema is the table, in SQL for both engines. Copy it into a migration of the service, below the
// line "-- +goose Up".
const Schema = `CREATE TABLE IF NOT EXISTS outbox_messages (
    id              VARCHAR(64)  NOT NULL PRIMARY KEY,
    topic           VARCHAR(128) NOT NULL,
    message_key     VARCHAR(255) NOT NULL,
    sequence        BIGINT       NOT NULL,
    payload         LONGTEXT     NOT NULL,
    created_at      BIGINT       NOT NULL,
    attempts        BIGINT       NOT NULL,
    next_attempt_at BIGINT       NOT NULL,
    delivered_at    BIGINT       NULL,
    last_error      VARCHAR(500) NOT NULL,
    UNIQUE (message_key, sequence)
);

CREATE INDEX outbox_messages_due ON outbox_messages (delivered_at, next_attempt_at);
`

// Message is what is announced.
type Message struct {
	// ID names the message for ever; the receiver drops what it has seen. [Add] mints one if empty.
	ID string
	// Topic says what kind of message it is.
	Topic string
	// Key orders messages: those of one key arrive in order. Empty means no order.
	Key string
	// Sequence is the place among the messages of the key, from 1 and without gaps; 0 takes the next one. A caller that counts
	// anyway saves the database the counting, and [Relay.Add] the way through it.
	Sequence int64
	// Payload is the content, such as JSON. Personal data does not belong here, but ids do.
	Payload json.RawMessage
	// CreatedAt is when it was added.
	CreatedAt time.Time
	// Attempt counts deliveries, this one included; 1 at the first.
	Attempt int64
}

// row is a message in its table.
type row struct {
	ID            string
	Topic         string
	MessageKey    string
	Sequence      int64
	Payload       string
	CreatedAt     database.Time
	Attempts      int64
	NextAttemptAt database.Time
	DeliveredAt   database.NullTime
	LastError     string
}

// TableName implements GORM's Tabler.
func (row) TableName() string { return "outbox_messages" }

func (r row) message() Message {
	return Message{
		ID: r.ID, Topic: r.Topic, Key: r.MessageKey, Sequence: r.Sequence, Payload: json.RawMessage(r.Payload),
		CreatedAt: r.CreatedAt.Time, Attempt: r.Attempts + 1,
	}
}

// Add writes messages in the transaction tx. Adding the id of a message that is already there does nothing, so a step that is
// repeated announces once.
//
// Two transactions that add to the same key at the same moment get an error that [database.InTx]
// repeats; that is rare where a guarded update of the same record comes first.
func Add(tx *gorm.DB, messages ...Message) error {
	now := database.At(tx.NowFunc())
	var rows []row
	for _, m := range messages {
		if m.ID != "" {
			if known, err := exists(tx, m.ID); err != nil {
				return err
			} else if known {
				continue
			}
		}
		r, err := rowOf(m, now)
		if err != nil {
			return err
		}
		if r.Sequence > 0 {
			rows = append(rows, r)
			continue
		}
		if err := addNext(tx, r); err != nil {
			return err
		}
	}
	return insert(tx, rows)
}

// rowOf is a message that is due now.
func rowOf(m Message, now database.Time) (row, error) {
	if m.Topic == "" {
		return row{}, errors.New("add to outbox: the topic is missing")
	}
	m.ID = cmp.Or(m.ID, ids.New("msg"))
	return row{
		ID: m.ID, Topic: m.Topic, MessageKey: cmp.Or(m.Key, m.ID), Sequence: m.Sequence, Payload: string(m.Payload),
		CreatedAt: now, NextAttemptAt: now,
	}, nil
}

// insert writes rows whose places are known, in one statement.
func insert(tx *gorm.DB, rows []row) error {
	if len(rows) == 0 {
		return nil
	}
	return added(tx.Create(&rows).Error)
}

// addNext finds the place in line by the insert itself. Purged messages do not matter: a message that waits still stands in
// line.
func addNext(tx *gorm.DB, r row) error {
	return added(tx.Exec(`INSERT INTO outbox_messages
	(id, topic, message_key, sequence, payload, created_at, attempts, next_attempt_at, last_error)
	SELECT ?, ?, ?, COALESCE(MAX(sequence), 0) + 1, ?, ?, 0, ?, '' FROM outbox_messages WHERE message_key = ?`,
		r.ID, r.Topic, r.MessageKey, r.Payload, r.CreatedAt, r.NextAttemptAt, r.MessageKey).Error)
}

func added(err error) error {
	switch {
	case database.IsDuplicate(err):
		return fmt.Errorf("add to outbox: %w: another message of this key came first", database.ErrRetry)
	case err != nil:
		return fmt.Errorf("add to outbox: %w", err)
	}
	return nil
}

func exists(tx *gorm.DB, id string) (bool, error) {
	var count int64
	if err := tx.Model(&row{}).Where("id = ?", id).Count(&count).Error; err != nil {
		return false, fmt.Errorf("add to outbox: %w", err)
	}
	return count > 0, nil
}
