package audit

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"aftercare.dev/services/notification/domain"
	"aftercare.dev/services/platform/ids"
)

// checkMessages finds what had to be told and was not: each entry of a timeline is an event, each event for everybody is in
// its buyer's inbox, and each message by e-mail and webhook has arrived, or was given up as the product says that it does.
func (a *auditor) checkMessages(ctx context.Context) error {
	mailed, err := a.mailbox(ctx)
	if err != nil {
		return err
	}
	return a.in(ctx, "notification", func(db *sql.DB) error {
		return errors.Join(a.checkEvents(ctx, db), a.checkInboxes(ctx, db), a.checkDeliveries(ctx, db, mailed))
	})
}

func (a *auditor) checkEvents(ctx context.Context, db *sql.DB) error {
	told := map[id]int64{}
	err := rows(ctx, db, "SELECT merchant_id, case_id, COUNT(*) FROM events WHERE type <> '"+domain.TypeWebhookDisabled+"' GROUP BY merchant_id, case_id",
		func(scan func(...any) error) error {
			var key id
			var n int64
			err := scan(&key.merchant, &key.id, &n)
			told[key] = n
			return err
		})
	for key, c := range a.cases {
		if told[key] != c.entries {
			a.find(Lost, "event", key, "it has %d entries, %d are told", c.entries, told[key])
		}
	}
	return err
}

func (a *auditor) checkInboxes(ctx context.Context, db *sql.DB) error {
	const missing = `SELECT e.merchant_id, e.event_id, e.type FROM events e LEFT JOIN deliveries d
		ON d.merchant_id = e.merchant_id AND d.event_id = e.event_id AND d.channel = 'inbox' AND d.target_id = e.buyer_id
		WHERE e.audience = 'everyone' AND d.delivery_id IS NULL`
	return rows(ctx, db, missing, func(scan func(...any) error) error {
		var key id
		var kind string
		err := scan(&key.merchant, &key.id, &kind)
		a.find(Lost, "inbox", key, "%s is not in the buyer's inbox", kind)
		return err
	})
}

// delivery is a message on its way by e-mail or webhook.
type delivery struct {
	of                   id // its event
	name, state, problem string
	channel              domain.Channel
	attempts, status     int
	due                  time.Time
	sending              bool
}

func (a *auditor) checkDeliveries(ctx context.Context, db *sql.DB, mailed map[string]bool) error {
	const query = `SELECT delivery_id, merchant_id, event_id, channel, state, attempts, last_status, last_error, COALESCE(due_at, 0), lease_token <> ''
		FROM deliveries WHERE channel <> 'inbox'`
	return rows(ctx, db, query, func(scan func(...any) error) error {
		var d delivery
		var due int64
		err := scan(&d.name, &d.of.merchant, &d.of.id, &d.channel, &d.state, &d.attempts, &d.status, &d.problem, &due, &d.sending)
		d.due = time.UnixMicro(due)
		a.checkDelivery(d, mailed)
		return err
	})
}

func (a *auditor) checkDelivery(d delivery, mailed map[string]bool) {
	mail := d.channel == domain.ChannelEmail
	switch domain.State(d.state) {
	case domain.StatePending:
		if time.Since(d.due) > late || a.Resent && !d.sending {
			a.find(Stuck, "message", d.name, "a message by %s waits after %d attempts, %d %s", d.channel, d.attempts, d.status, d.problem)
		}
	case domain.StateFailed:
		// A mail server may refuse a message for good. Anything else is tried as often as the schedule says.
		if refused := mail && d.status >= 500; !refused && d.attempts < len(domain.ScheduleOf(d.channel)) {
			a.find(Lost, "message", d.name, "a message by %s was given up after %d attempts, %d %s", d.channel, d.attempts, d.status, d.problem)
		}
		a.report.GivenUp++
	case domain.StateSkipped:
		if d.problem != domain.ErrorNoAddress && d.problem != domain.ErrorChannelOff {
			a.find(Lost, "message", d.name, "a message by %s was skipped, %s", d.channel, d.problem)
		}
	case domain.StateDelivered:
		a.checkArrived(d, mailed)
	default:
		a.find(Wrong, "message", d.name, "it is %s", d.state)
	}
}

// checkArrived holds a message that counts as delivered against those who got it.
func (a *auditor) checkArrived(d delivery, mailed map[string]bool) {
	if d.channel == domain.ChannelEmail {
		a.report.Mails++
		if !mailed[d.name] {
			a.find(Lost, "message", d.name, "it counts as delivered, the mail server does not have it")
		}
		return
	}
	a.report.Webhooks++
	if a.Heard != nil && !a.Heard(ids.Derive("msg", d.of.merchant, d.of.id)) {
		a.find(Lost, "message", d.name, "it counts as delivered, the merchant's receiver never took it")
	}
}

// mailbox is what the mail server has accepted, by delivery.
func (a *auditor) mailbox(ctx context.Context) (map[string]bool, error) {
	mailed := map[string]bool{}
	for read, total := 0, 1; read < total; {
		var page struct {
			Messages []struct {
				MessageID string `json:"message_id"`
			} `json:"messages"`
			Total int `json:"total"`
		}
		err := a.look(ctx, fmt.Sprintf("/mail/messages?offset=%d", read), func(from io.Reader) error {
			return json.NewDecoder(from).Decode(&page)
		})
		if err != nil {
			return nil, err
		}
		for _, m := range page.Messages {
			name, _, _ := strings.Cut(strings.TrimPrefix(m.MessageID, "<"), "@")
			mailed[name] = true
		}
		if len(page.Messages) == 0 {
			break
		}
		read, total = read+len(page.Messages), page.Total
	}
	return mailed, nil
}
