package store

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"aftercare.dev/services/payment/domain"
	"aftercare.dev/services/platform/database"
	"aftercare.dev/services/platform/problem"
)

// lockOrder makes the order's row the transaction's own. If the order is new, nothing else of it is stored, and the caller
// stores its lines and payments; else what was paid is brought up to date with a newer version of the order.
func (s *Store) lockOrder(tx *gorm.DB, merchantID, orderID string, order domain.Order) (isNew bool, err error) {
	row := paidOrder{MerchantID: merchantID, OrderID: orderID, Currency: order.Currency, OrderVersion: order.Version, Changes: 1}
	created := tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&row)
	if created.Error != nil || created.RowsAffected == 1 {
		return true, created.Error
	}
	if err := touchOrder(tx, merchantID, orderID); err != nil {
		return false, err
	}
	if err := tx.Where("merchant_id = ? AND order_id = ?", merchantID, orderID).Take(&row).Error; err != nil {
		return false, err
	}
	if row.Currency != order.Currency {
		return false, problem.Conflict("order_currency_changed", "the order was in "+row.Currency+" when it was first refunded and is in another currency now")
	}
	if order.Version <= row.OrderVersion {
		return false, nil
	}
	lines, payments := rowsOf(merchantID, orderID, order)
	if err := raiseLines(tx, merchantID, orderID, lines); err != nil {
		return false, err
	}
	if err := raisePayments(tx, merchantID, orderID, payments); err != nil {
		return false, err
	}
	return false, tx.Model(&paidOrder{}).Where("merchant_id = ? AND order_id = ?", merchantID, orderID).
		Update("order_version", order.Version).Error
}

// touchOrder makes the row of an order that is stored the transaction's own.
func touchOrder(tx *gorm.DB, merchantID, orderID string) error {
	touched := tx.Model(&paidOrder{}).Where("merchant_id = ? AND order_id = ?", merchantID, orderID).
		Update("changes", gorm.Expr("changes + 1"))
	if touched.Error == nil && touched.RowsAffected != 1 {
		return fmt.Errorf("nothing was ever reserved of order %s: say what was paid for it", orderID)
	}
	return touched.Error
}

// rowsOf is what was paid for an order of which nothing is refunded: the lines by id, the payments in the order in which
// every transaction takes them.
func rowsOf(merchantID, orderID string, order domain.Order) (map[string]paidLine, []paidPayment) {
	lines := make(map[string]paidLine, len(order.Lines))
	for _, line := range order.Lines {
		lines[line.LineID] = paidLine{MerchantID: merchantID, OrderID: orderID, LineID: line.LineID, Paid: line.Amount}
	}
	never := database.At(time.Unix(0, 0))
	payments := make([]paidPayment, len(order.Payments))
	for i, p := range order.Payments {
		payments[i] = paidPayment{
			MerchantID: merchantID, OrderID: orderID, PaymentID: p.PaymentID, Provider: p.Provider,
			ProviderReference: p.Reference, Paid: p.Amount, NextAttemptAt: never, BusyUntil: never,
		}
	}
	slices.SortFunc(payments, func(a, b paidPayment) int { return cmp.Compare(a.PaymentID, b.PaymentID) })
	return lines, payments
}

const batch = 200

func insertLines(tx *gorm.DB, lines map[string]paidLine) error {
	if len(lines) == 0 {
		return nil
	}
	rows := slices.SortedFunc(maps.Values(lines), func(a, b paidLine) int { return cmp.Compare(a.LineID, b.LineID) })
	return tx.CreateInBatches(rows, batch).Error
}

func insertPayments(tx *gorm.DB, payments []paidPayment) error {
	if len(payments) == 0 {
		return nil
	}
	return tx.CreateInBatches(payments, batch).Error
}

// raiseLines inserts the lines that are new and raises those that were paid more since. It never
// lowers: an order that shrinks after it was paid is refunded, and that is what is counted here.
func raiseLines(tx *gorm.DB, merchantID, orderID string, lines map[string]paidLine) error {
	known, err := linesOf(tx, merchantID, orderID)
	if err != nil {
		return err
	}
	added := make(map[string]paidLine)
	for _, id := range slices.Sorted(maps.Keys(lines)) {
		line := lines[id]
		before, stored := known[id]
		if !stored {
			added[id] = line
			continue
		}
		if before.Paid >= line.Paid {
			continue
		}
		err := tx.Model(&paidLine{}).Where("merchant_id = ? AND order_id = ? AND line_id = ? AND paid < ?", merchantID, orderID, id, line.Paid).
			Update("paid", line.Paid).Error
		if err != nil {
			return err
		}
	}
	return insertLines(tx, added)
}

// raisePayments is [raiseLines] of payments. A corrected reference serves the refunds to come; a refund number keeps the one
// it has.
func raisePayments(tx *gorm.DB, merchantID, orderID string, payments []paidPayment) error {
	known, err := paymentsOf(tx, merchantID, orderID)
	if err != nil {
		return err
	}
	var added []paidPayment
	for _, p := range payments {
		i := slices.IndexFunc(known, func(k paidPayment) bool { return k.PaymentID == p.PaymentID })
		if i < 0 {
			added = append(added, p)
			continue
		}
		paid := max(known[i].Paid, p.Paid)
		if known[i].Paid == paid && known[i].ProviderReference == p.ProviderReference {
			continue
		}
		err := tx.Model(&paidPayment{}).Where("merchant_id = ? AND order_id = ? AND payment_id = ? AND paid <= ?", merchantID, orderID, p.PaymentID, paid).
			Updates(map[string]any{"paid": paid, "provider_reference": p.ProviderReference}).Error
		if err != nil {
			return err
		}
	}
	return insertPayments(tx, added)
}

func linesOf(tx *gorm.DB, merchantID, orderID string) (map[string]paidLine, error) {
	var rows []paidLine
	if err := tx.Where("merchant_id = ? AND order_id = ?", merchantID, orderID).Find(&rows).Error; err != nil {
		return nil, err
	}
	known := make(map[string]paidLine, len(rows))
	for _, row := range rows {
		known[row.LineID] = row
	}
	return known, nil
}

// paymentsOf returns the payments in the order in which every transaction takes them.
func paymentsOf(tx *gorm.DB, merchantID, orderID string) ([]paidPayment, error) {
	var rows []paidPayment
	err := tx.Where("merchant_id = ? AND order_id = ?", merchantID, orderID).Order("payment_id").Find(&rows).Error
	if err != nil {
		return nil, err
	}
	return rows, addOutside(tx, merchantID, orderID, rows)
}
