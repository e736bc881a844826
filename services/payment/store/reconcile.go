package store

import (
	"context"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"aftercare.dev/services/payment/domain"
	"aftercare.dev/services/platform/database"
)

type reconciliationRow struct {
	Provider string `gorm:"primaryKey"`
	BillDate string `gorm:"primaryKey"`
	Runs     int64
	InBill   int64
	Ours     int64
	At       database.Time
}

func (reconciliationRow) TableName() string { return "reconciliations" }

type outsideRow struct {
	Provider          string `gorm:"primaryKey"`
	ProviderReference string `gorm:"primaryKey"`
	MerchantID        string
	OrderID           string
	PaymentID         string
	RefundNumber      string
	Currency          string
	Amount            int64
	CreatedAt         database.Time
}

func (outsideRow) TableName() string { return "outside_refunds" }

// Numbered is a part of a refund, with its refund.
type Numbered struct {
	Refund domain.Refund
	Part   domain.Part
}

// ByNumbers finds the refunds that a provider's bill names, by number; those that are not ours are not among them.
func (s *Store) ByNumbers(ctx context.Context, provider string, numbers []string) (map[string]Numbered, error) {
	found := make(map[string]Numbered, len(numbers))
	for len(numbers) > 0 {
		page := numbers[:min(batch, len(numbers))]
		numbers = numbers[len(page):]
		var rows []partRow
		err := s.db.WithContext(database.AcrossMerchants(ctx)).Where("provider = ? AND refund_number IN ?", provider, page).Find(&rows).Error
		if err != nil {
			return nil, err
		}
		if err := s.numbered(ctx, rows, found); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// Succeeded returns the parts at a provider that succeeded from one moment until before another, by refund number.
func (s *Store) Succeeded(ctx context.Context, provider string, from, to time.Time) (map[string]Numbered, error) {
	found := make(map[string]Numbered)
	for after := ""; ; {
		var rows []partRow
		err := s.db.WithContext(database.AcrossMerchants(ctx)).
			Where("provider = ? AND state = ? AND succeeded_at >= ? AND succeeded_at < ? AND refund_number > ?",
				provider, string(domain.PartSucceeded), database.At(from), database.At(to), after).
			Order("refund_number").Limit(batch).Find(&rows).Error
		if err != nil {
			return nil, err
		}
		if err := s.numbered(ctx, rows, found); err != nil {
			return nil, err
		}
		if len(rows) < batch {
			return found, nil
		}
		after = rows[len(rows)-1].RefundNumber
	}
}

// numbered reads the refunds of parts, without their other parts.
func (s *Store) numbered(ctx context.Context, rows []partRow, into map[string]Numbered) error {
	byMerchant := make(map[string][]string)
	for _, row := range rows {
		byMerchant[row.MerchantID] = append(byMerchant[row.MerchantID], row.RefundID)
	}
	refunds := make(map[[2]string]refundRow, len(rows))
	for merchantID, refundIDs := range byMerchant {
		var found []refundRow
		err := s.db.WithContext(ctx).Where("merchant_id = ? AND refund_id IN ?", merchantID, refundIDs).Find(&found).Error
		if err != nil {
			return err
		}
		for _, row := range found {
			refunds[[2]string{merchantID, row.RefundID}] = row
		}
	}
	for _, row := range rows {
		of := refunds[[2]string{row.MerchantID, row.RefundID}]
		into[row.RefundNumber] = Numbered{Refund: of.refund(), Part: row.part(of.Currency, of.Reason)}
	}
	return nil
}

// PaymentByReference finds the payment that a provider names; found is false if no refund of its order was ever reserved.
func (s *Store) PaymentByReference(ctx context.Context, provider, reference string) (at domain.PaymentAt, found bool, err error) {
	var row paidPayment
	err = s.db.WithContext(database.AcrossMerchants(ctx)).Where("provider = ? AND provider_reference = ?", provider, reference).
		Order("merchant_id, order_id, payment_id").Take(&row).Error
	if database.IsNotFound(err) {
		return at, false, nil
	}
	return domain.PaymentAt{MerchantID: row.MerchantID, OrderID: row.OrderID, PaymentID: row.PaymentID}, err == nil, err
}

// RecordOutside writes down money that the provider paid out of a payment and that no refund of ours counts: a difference of
// its kind, the amount that may be refunded no more, and what the ledger says of it, all or nothing. The amount is taken once
// for each of the provider's references, whatever else is found about it. What is paid beyond what could still be refunded is
// told as overpaid. Order may be the zero value if
// something of it was reserved before.
func (s *Store) RecordOutside(ctx context.Context, d domain.Difference, amount int64, order domain.Order) error {
	return database.InTx(ctx, s.db, func(tx *gorm.DB) error {
		if err := s.lockOutside(tx, d, order); err != nil {
			return err
		}
		left, err := leftOf(tx, d.MerchantID, d.OrderID, d.PaymentID)
		if err != nil {
			return err
		}
		created := tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&outsideRow{
			Provider: d.Provider, ProviderReference: d.Reference, MerchantID: d.MerchantID, OrderID: d.OrderID,
			PaymentID: d.PaymentID, RefundNumber: d.RefundNumber, Currency: d.Currency, Amount: amount, CreatedAt: database.At(s.now()),
		})
		if created.Error != nil {
			return created.Error
		}
		if d.CaseID == "" {
			if d.CaseID, err = lastCase(tx, d.MerchantID, d.OrderID); err != nil {
				return err
			}
		}
		if created.RowsAffected == 0 {
			return s.addDifference(tx, d)
		}
		d.Overpaid = amount - min(amount, left)
		if err := s.addDifference(tx, d); err != nil {
			return err
		}
		subject := d.RefundNumber
		if d.RefundID != "" {
			subject = d.Reference // the number has entries of its own
		}
		return s.bookOutside(tx, domain.OutsideRefund{
			MerchantID: d.MerchantID, RefundNumber: subject, CaseID: d.CaseID, Provider: d.Provider,
			Currency: d.Currency, Amount: amount,
		})
	})
}

// lockOutside is lockOrder for what is paid outside, which is never kept of an order that is not stored: who meets an order
// for the first time relies on that.
func (s *Store) lockOutside(tx *gorm.DB, d domain.Difference, order domain.Order) error {
	if order.Currency == "" {
		return touchOrder(tx, d.MerchantID, d.OrderID)
	}
	isNew, err := s.lockOrder(tx, d.MerchantID, d.OrderID, order)
	if err != nil || !isNew {
		return err
	}
	lines, payments := rowsOf(d.MerchantID, d.OrderID, order)
	if err := insertLines(tx, lines); err != nil {
		return err
	}
	return insertPayments(tx, payments)
}

// leftOf is what may still be refunded of a payment, zero at least.
func leftOf(tx *gorm.DB, merchantID, orderID, paymentID string) (int64, error) {
	payments, err := paymentsOf(tx, merchantID, orderID)
	if err != nil {
		return 0, err
	}
	for _, p := range payments {
		if p.PaymentID == paymentID {
			return p.left(), nil
		}
	}
	return 0, nil
}

// outside is what was paid out of a payment without a refund of ours, as part of a guard.
const outside = "(SELECT COALESCE(SUM(amount), 0) FROM outside_refunds WHERE merchant_id = ? AND order_id = ? AND payment_id = ?)"

// addOutside tells payments of one order what was paid out of them outside.
func addOutside(tx *gorm.DB, merchantID, orderID string, payments []paidPayment) error {
	var sums []struct {
		PaymentID string
		Amount    int64
	}
	err := tx.Model(&outsideRow{}).Select("payment_id, SUM(amount) AS amount").
		Where("merchant_id = ? AND order_id = ?", merchantID, orderID).Group("payment_id").Find(&sums).Error
	for _, sum := range sums {
		for i := range payments {
			if payments[i].PaymentID == sum.PaymentID {
				payments[i].Outside = sum.Amount
			}
		}
	}
	return err
}

// lastCase is the case that last reserved a refund of the order, or "".
func lastCase(tx *gorm.DB, merchantID, orderID string) (string, error) {
	var cases []string
	err := tx.Model(&refundRow{}).Where("merchant_id = ? AND order_id = ?", merchantID, orderID).
		Order("created_at DESC, refund_id DESC").Limit(1).Pluck("case_id", &cases).Error
	if err != nil || len(cases) == 0 {
		return "", err
	}
	return cases[0], nil
}

// Disputed returns the numbers of a bill's day about which a difference was found before.
func (s *Store) Disputed(ctx context.Context, provider, billDate string) (map[string]bool, error) {
	var numbers []string
	err := s.db.WithContext(database.AcrossMerchants(ctx)).Model(&differenceRow{}).
		Where("provider = ? AND bill_date = ?", provider, billDate).Pluck("refund_number", &numbers).Error
	disputed := make(map[string]bool, len(numbers))
	for _, number := range numbers {
		disputed[number] = true
	}
	return disputed, err
}

// SaveReconciliation counts a run and returns the day as it stands now.
func (s *Store) SaveReconciliation(ctx context.Context, run domain.Reconciliation) (domain.Reconciliation, error) {
	at := database.At(s.now())
	row := reconciliationRow{Provider: run.Provider, BillDate: run.BillDate, At: at}
	err := database.InTx(ctx, s.db, func(tx *gorm.DB) error {
		if err := tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&row).Error; err != nil {
			return err
		}
		of := tx.Model(&reconciliationRow{}).Where("provider = ? AND bill_date = ?", run.Provider, run.BillDate)
		err := of.Updates(map[string]any{"runs": gorm.Expr("runs + 1"), "in_bill": run.InBill, "ours": run.Ours, "at": at}).Error
		if err != nil {
			return err
		}
		return tx.Where("provider = ? AND bill_date = ?", run.Provider, run.BillDate).Take(&row).Error
	})
	if err != nil {
		return domain.Reconciliation{}, err
	}
	run.Runs, run.At = row.Runs, row.At.Time
	err = s.db.WithContext(database.AcrossMerchants(ctx)).Model(&differenceRow{}).
		Where("provider = ? AND bill_date = ?", run.Provider, run.BillDate).Count(&run.Found).Error
	return run, err
}
