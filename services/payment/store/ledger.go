package store

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"aftercare.dev/services/payment/domain"
	"aftercare.dev/services/platform/database"
)

type entryRow struct {
	MerchantID    string `gorm:"primaryKey"`
	Subject       string `gorm:"primaryKey"`
	Step          string `gorm:"primaryKey"`
	At            database.Time
	Phase         string
	Kind          string
	CaseID        string
	Cause         string
	Bearer        string
	DebitAccount  string
	CreditAccount string
	Currency      string
	Amount        int64
	Resolves      *string
	Reverses      *string
}

func (entryRow) TableName() string { return "ledger_entries" }

func rowOf(e domain.Entry) entryRow {
	return entryRow{
		MerchantID: e.MerchantID, Subject: e.Subject, Step: e.Step, At: database.At(e.At), Phase: string(e.Phase),
		Kind: string(e.Kind), CaseID: e.CaseID, Cause: e.Cause, Bearer: string(e.Bearer),
		DebitAccount: string(e.Leg.Debit), CreditAccount: string(e.Leg.Credit), Currency: e.Currency, Amount: e.Amount,
		Resolves: optional(e.Resolves), Reverses: optional(e.Reverses),
	}
}

func (r entryRow) entry() domain.Entry {
	return domain.Entry{
		Matter: domain.Matter{
			MerchantID: r.MerchantID, Subject: r.Subject, Kind: domain.Kind(r.Kind), CaseID: r.CaseID, Cause: r.Cause,
			Bearer: domain.Bearer(r.Bearer), Currency: r.Currency, Amount: r.Amount,
		},
		Step: r.Step, At: r.At.Time, Phase: domain.Phase(r.Phase),
		Leg:      domain.Leg{Debit: domain.Account(r.DebitAccount), Credit: domain.Account(r.CreditAccount)},
		Resolves: text(r.Resolves), Reverses: text(r.Reverses),
	}
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// threads returns what is booked about subjects of the merchant.
func threads(tx *gorm.DB, merchantID string, subjects []string) (map[string]domain.Thread, error) {
	var rows []entryRow
	err := tx.Where("merchant_id = ? AND subject IN ?", merchantID, subjects).Order("subject, at, step").Find(&rows).Error
	if err != nil {
		return nil, err
	}
	found := make(map[string]domain.Thread, len(subjects))
	for _, row := range rows {
		found[row.Subject] = append(found[row.Subject], row.entry())
	}
	return found, nil
}

func insertEntries(tx *gorm.DB, entries domain.Thread) error {
	if len(entries) == 0 {
		return nil
	}
	rows := make([]entryRow, len(entries))
	for i, e := range entries {
		rows[i] = rowOf(e)
	}
	return tx.CreateInBatches(rows, batch).Error
}

// move is a part before and after a change. The change has made it as booked as its version.
type move struct{ before, after domain.Part }

// known is what the ledger has about the part before the change, if that can be told without reading it.
func (m move) known(matter domain.Matter, at time.Time) (domain.Thread, bool) {
	if m.before.Unbooked || m.before.Goal().Position != domain.Held {
		return nil, false
	}
	thread, err := domain.Thread(nil).Reach(matter, m.before.Goal(), at)
	return thread, err == nil
}

// book writes what changes of parts mean to the ledger, in the transaction of the changes.
func (s *Store) book(tx *gorm.DB, refund domain.Refund, moves []move) error {
	at := s.now()
	var entries domain.Thread
	var rest []move
	for _, m := range moves {
		if !m.before.Unbooked && m.before.Goal() == m.after.Goal() {
			continue
		}
		thread, known := m.known(refund.Matter(m.before), at)
		if !known {
			rest = append(rest, m)
			continue
		}
		more, err := thread.Reach(refund.Matter(m.after), m.after.Goal(), at)
		if err != nil {
			return err
		}
		entries = append(entries, more...)
	}
	if len(rest) > 0 {
		more, err := follow(tx, refund, rest, at)
		if err != nil {
			return err
		}
		entries = append(entries, more...)
	}
	return insertEntries(tx, entries)
}

// follow returns the entries of changes for which the ledger has to be read first.
func follow(tx *gorm.DB, refund domain.Refund, moves []move, at time.Time) (domain.Thread, error) {
	subjects := make([]string, len(moves))
	for i, m := range moves {
		subjects[i] = m.before.RefundNumber
	}
	booked, err := threads(tx, refund.MerchantID, subjects)
	if err != nil {
		return nil, err
	}
	var entries domain.Thread
	for _, m := range moves {
		more, err := booked[m.before.RefundNumber].Reach(refund.Matter(m.after), m.after.Goal(), at)
		if err != nil {
			return nil, err
		}
		entries = append(entries, more...)
	}
	return entries, nil
}

// bookReserved writes the reserves of a new refund.
func (s *Store) bookReserved(tx *gorm.DB, refund domain.Refund) error {
	var entries domain.Thread
	for _, part := range refund.Parts {
		more, err := domain.Thread(nil).Reach(refund.Matter(part), part.Goal(), s.now())
		if err != nil {
			return err
		}
		entries = append(entries, more...)
	}
	return insertEntries(tx, entries)
}

// bookOutside writes a refund that was made outside the system, in the caller's transaction. It is written once,
// however often it is booked. The caller takes the amount from what may still be refunded. A refund under a number of ours
// whose amount the ledger has given up or paid otherwise needs a number of its own here, such as that of the difference.
func (s *Store) bookOutside(tx *gorm.DB, refund domain.OutsideRefund) error {
	booked, err := threads(tx, refund.MerchantID, []string{refund.RefundNumber})
	if err != nil {
		return err
	}
	thread := booked[refund.RefundNumber]
	if len(thread) > 0 && thread[0].Kind != domain.KindRefundOutside {
		return fmt.Errorf("%s is booked as %s: book what was paid outside under another number", refund.RefundNumber, thread[0].Kind)
	}
	entries, err := thread.Reach(refund.Matter(), refund.Goal(), s.now())
	if err != nil {
		return err
	}
	return insertEntries(tx, entries)
}

// CatchUp books what programs that do not know the ledger did: refunds from before it, and those that a program of
// release 0.1 changes while an upgrade goes on. It returns how many parts it booked. It works in small transactions, may
// run in several processes at once, and goes on where it was when it is called again.
func (s *Store) CatchUp(ctx context.Context) (booked int, err error) {
	for {
		var merchants []string
		err := s.db.WithContext(database.AcrossMerchants(ctx)).Model(&partRow{}).Where("unbooked = ?", true).
			Order("merchant_id").Limit(1).Pluck("merchant_id", &merchants).Error
		if err != nil || len(merchants) == 0 {
			return booked, err
		}
		done := 0
		err = database.InTx(ctx, s.db, func(tx *gorm.DB) error {
			var err error
			done, err = s.catchUp(tx, merchants[0])
			return err
		})
		if err != nil {
			return booked, err
		}
		booked += done
	}
}
