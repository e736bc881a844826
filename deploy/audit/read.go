package audit

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"log/slog"

	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/database"
)

// in works in the database of a service.
func (a *auditor) in(ctx context.Context, service string, do func(*sql.DB) error) error {
	opened, err := database.Open(ctx, database.Config{
		Driver: database.MySQL, DSN: config.Secret(a.Database(service)), MaxOpen: 1, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return err
	}
	pool, err := opened.DB()
	if err != nil {
		return errors.Join(err, database.Close(opened))
	}
	return errors.Join(do(pool), database.Close(opened))
}

// rows gives each row of a query to take, which scans it.
func rows(ctx context.Context, db *sql.DB, query string, take func(scan func(...any) error) error) error {
	found, err := db.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer func() { _ = found.Close() }()
	for found.Next() {
		if err := take(found.Scan); err != nil {
			return err
		}
	}
	return found.Err()
}

// soldOrder is an order as the order service counts it.
type soldOrder struct {
	lines map[string]soldLine
	held  []held
	// reservations are the states by case, and completing the case that returned the last unit.
	reservations map[string]string
	completing   string
}

type soldLine struct{ quantity, paid, reserved, returned int64 }

// held are units of a line that a case holds, or that it has returned for good.
type held struct {
	line, caseID, state string
	from, to            int64
}

func (a *auditor) readOrders(ctx context.Context) error {
	a.orders = map[id]*soldOrder{}
	of := func(key id) *soldOrder {
		if a.orders[key] == nil {
			a.orders[key] = &soldOrder{lines: map[string]soldLine{}, reservations: map[string]string{}}
		}
		return a.orders[key]
	}
	return a.in(ctx, "order", func(db *sql.DB) error {
		var o id
		return errors.Join(
			rows(ctx, db, "SELECT merchant_id, order_id, line_id, quantity, paid, reserved_units, returned_units FROM order_lines", func(scan func(...any) error) error {
				var name string
				var l soldLine
				err := scan(&o.merchant, &o.id, &name, &l.quantity, &l.paid, &l.reserved, &l.returned)
				of(o).lines[name] = l
				return err
			}),
			rows(ctx, db, "SELECT merchant_id, order_id, line_id, case_id, state, from_unit, to_unit FROM held_units", func(scan func(...any) error) error {
				var h held
				err := scan(&o.merchant, &o.id, &h.line, &h.caseID, &h.state, &h.from, &h.to)
				of(o).held = append(of(o).held, h)
				return err
			}),
			rows(ctx, db, "SELECT merchant_id, order_id, case_id, state, completes FROM reservations", func(scan func(...any) error) error {
				var caseID, state string
				var completes bool
				err := scan(&o.merchant, &o.id, &caseID, &state, &completes)
				of(o).reservations[caseID] = state
				if completes {
					of(o).completing = caseID
				}
				return err
			}),
		)
	})
}

// refund is one as the payment service keeps it.
type refund struct {
	caseID, orderID, state string
	amount                 int64
	parts                  []string
}

// part is the share of one payment, by its number at the provider.
type part struct {
	refund            id
	orderID, payment  string
	reference, state  string
	total, amount     int64
	providerReference string
}

func (a *auditor) readPayments(ctx context.Context) error {
	a.refunds, a.parts = map[id]*refund{}, map[string]part{}
	return a.in(ctx, "payment", func(db *sql.DB) error {
		return errors.Join(
			rows(ctx, db, "SELECT merchant_id, refund_id, case_id, order_id, state, amount FROM refunds", func(scan func(...any) error) error {
				var key id
				var r refund
				err := scan(&key.merchant, &key.id, &r.caseID, &r.orderID, &r.state, &r.amount)
				a.refunds[key] = &r
				return err
			}),
			rows(ctx, db, "SELECT refund_number, merchant_id, refund_id, order_id, payment_id, payment_reference, payment_total, amount, state, provider_reference FROM refund_parts", func(scan func(...any) error) error {
				var number string
				var p part
				err := scan(&number, &p.refund.merchant, &p.refund.id, &p.orderID, &p.payment, &p.reference, &p.total, &p.amount, &p.state, &p.providerReference)
				a.parts[number] = p
				if r := a.refunds[p.refund]; r != nil {
					r.parts = append(r.parts, number)
				}
				return err
			}),
			a.readDifferences(ctx, db),
			a.readLimits(ctx, db),
		)
	})
}

// record is a case as the cases service keeps it.
type record struct {
	orderID, stage, status, outcome string
	version                         int64
	lastEntry, entries              int64
	told                            map[string]int64
	document                        struct {
		Refund *struct {
			Amount struct {
				Amount int64 `json:"amount"`
			} `json:"amount"`
			Refunded *struct {
				Amount int64 `json:"amount"`
			} `json:"refunded"`
			State string `json:"state"`
		} `json:"refund"`
	}
}

func (a *auditor) readCases(ctx context.Context) error {
	a.cases = map[id]*record{}
	return a.in(ctx, "cases", func(db *sql.DB) error {
		err := rows(ctx, db, "SELECT merchant_id, case_id, order_id, stage, status, outcome, version, document FROM cases", func(scan func(...any) error) error {
			var key id
			var document []byte
			r := record{told: map[string]int64{}}
			if err := scan(&key.merchant, &key.id, &r.orderID, &r.stage, &r.status, &r.outcome, &r.version, &document); err != nil {
				return err
			}
			a.cases[key] = &r
			return json.Unmarshal(document, &r.document)
		})
		if err != nil {
			return err
		}
		a.report.Cases = len(a.cases)
		orphans := map[id]bool{}
		return rows(ctx, db, "SELECT merchant_id, case_id, type, COUNT(*), MAX(number) FROM entries GROUP BY merchant_id, case_id, type", func(scan func(...any) error) error {
			var key id
			var kind string
			var n, last int64
			err := scan(&key.merchant, &key.id, &kind, &n, &last)
			r := a.cases[key]
			if r == nil {
				if !orphans[key] {
					a.find(Wrong, "timeline", key, "it has entries and is no case")
				}
				orphans[key] = true
				return err
			}
			r.told[kind] = n
			r.entries += n
			r.lastEntry = max(r.lastEntry, last)
			return err
		})
	})
}

// shipment is a parcel as the logistics service keeps it.
type shipment struct{ caseID, method, state, task string }

// claim is one for the return freight.
type claim struct {
	orderID, state, number string
	payout                 int64
}

func (a *auditor) readParcels(ctx context.Context) error {
	a.shipments, a.claims = map[id]shipment{}, map[id]claim{}
	return a.in(ctx, "logistics", func(db *sql.DB) error {
		var key id
		return errors.Join(
			rows(ctx, db, "SELECT merchant_id, shipment_id, case_id, method, state, task_id FROM shipments", func(scan func(...any) error) error {
				var s shipment
				err := scan(&key.merchant, &key.id, &s.caseID, &s.method, &s.state, &s.task)
				a.shipments[key] = s
				return err
			}),
			rows(ctx, db, "SELECT merchant_id, case_id, order_id, state, claim_number, payout_fen FROM insurance_claims", func(scan func(...any) error) error {
				var c claim
				err := scan(&key.merchant, &key.id, &c.orderID, &c.state, &c.number, &c.payout)
				a.claims[key] = c
				return err
			}),
		)
	})
}

// checkOutboxes finds what was announced and did not arrive. Notifications for which a receiver has to be tried again have
// a clock of their own and are not counted here.
func (a *auditor) checkOutboxes(ctx context.Context) error {
	for _, service := range []string{"order", "cases"} {
		err := a.in(ctx, service, func(db *sql.DB) error {
			return rows(ctx, db, "SELECT topic, COUNT(*), MAX(last_error) FROM outbox_messages WHERE delivered_at IS NULL GROUP BY topic", func(scan func(...any) error) error {
				var topic, last string
				var n int
				err := scan(&topic, &n, &last)
				a.find(Stuck, "outbox", service, "%d messages of %s are not delivered, %s", n, topic, last)
				return err
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}
