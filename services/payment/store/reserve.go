package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"aftercare.dev/services/payment/domain"
	"aftercare.dev/services/platform/database"
	"aftercare.dev/services/platform/ids"
	"aftercare.dev/services/platform/money"
	"aftercare.dev/services/platform/problem"
)

// NumberPrefix begins every refund number; with a ULID behind it, it fits the charset and the length
// of every provider.
const NumberPrefix = "rf"

// Reserve stores the refund, if lines, freight and payments of the order have enough left, or else
// changes nothing. It is repeatable: the same request returns the refund as it stands, another request
// under the same id is a 409 problem refund_differs. Beyond what was paid is a 422 problem exceeds_paid
// with what can be refunded.
func (s *Store) Reserve(ctx context.Context, merchantID, refundID string, request domain.Request, order domain.Order) (domain.Refund, error) {
	err := database.InTx(ctx, s.db, func(tx *gorm.DB) error {
		return s.reserve(tx, merchantID, refundID, request, order)
	})
	if err != nil && !errors.Is(err, errExists) {
		return domain.Refund{}, err
	}
	refund, err := s.Refund(ctx, merchantID, refundID)
	if err != nil {
		return domain.Refund{}, err
	}
	return refund, SameRequest(refund, request)
}

// SameRequest returns a 409 problem unless the refund is the one that this request made.
func SameRequest(refund domain.Refund, request domain.Request) error {
	if refund.RequestHash != request.Hash() {
		return problem.Conflict("refund_differs", "a refund of this id was reserved with other content; give another refund another id")
	}
	return nil
}

var errExists = errors.New("the refund exists")

func (s *Store) reserve(tx *gorm.DB, merchantID, refundID string, request domain.Request, order domain.Order) error {
	if err := s.lockOrder(tx, merchantID, request.OrderID, order); err != nil {
		return err
	}
	now := database.At(s.now())
	err := tx.Create(&refundRow{
		MerchantID: merchantID, RefundID: refundID, CaseID: request.CaseID, OrderID: request.OrderID,
		Currency: request.Currency, Amount: request.Total, Reason: request.Reason, RequestHash: request.Hash(),
		State: string(domain.RefundReserved), CreatedAt: now, UpdatedAt: now, Version: 1,
	}).Error
	if database.IsDuplicate(err) {
		return errExists
	}
	if err != nil {
		return err
	}
	if err := takeLines(tx, merchantID, refundID, request); err != nil {
		return err
	}
	return s.takePayments(tx, merchantID, refundID, request)
}

// lockOrder makes the order's row the transaction's own and brings what was paid up to date with a
// newer version of the order.
func (s *Store) lockOrder(tx *gorm.DB, merchantID, orderID string, order domain.Order) error {
	row := paidOrder{MerchantID: merchantID, OrderID: orderID, Currency: order.Currency}
	if err := tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&row).Error; err != nil {
		return err
	}
	if err := touchOrder(tx, merchantID, orderID); err != nil {
		return err
	}
	if err := tx.Where("merchant_id = ? AND order_id = ?", merchantID, orderID).Take(&row).Error; err != nil {
		return err
	}
	if row.Currency != order.Currency {
		return problem.Conflict("order_currency_changed", "the order was in "+row.Currency+" when it was first refunded and is in another currency now")
	}
	if order.Version <= row.OrderVersion {
		return nil
	}
	if err := raiseLines(tx, merchantID, orderID, order.Lines); err != nil {
		return err
	}
	if err := raisePayments(tx, merchantID, orderID, order.Payments); err != nil {
		return err
	}
	return tx.Model(&paidOrder{}).Where("merchant_id = ? AND order_id = ?", merchantID, orderID).
		Update("order_version", order.Version).Error
}

func touchOrder(tx *gorm.DB, merchantID, orderID string) error {
	return tx.Model(&paidOrder{}).Where("merchant_id = ? AND order_id = ?", merchantID, orderID).
		Update("changes", gorm.Expr("changes + 1")).Error
}

const batch = 200

// raiseLines inserts the lines that are new and raises those that were paid more since. It never
// lowers: an order that shrinks after it was paid is refunded, and that is what is counted here.
func raiseLines(tx *gorm.DB, merchantID, orderID string, lines []domain.LineAmount) error {
	rows := make([]paidLine, len(lines))
	for i, line := range lines {
		rows[i] = paidLine{MerchantID: merchantID, OrderID: orderID, LineID: line.LineID, Paid: line.Amount}
	}
	if len(rows) == 0 {
		return nil
	}
	if err := tx.Clauses(clause.OnConflict{DoNothing: true}).CreateInBatches(rows, batch).Error; err != nil {
		return err
	}
	known, err := linesOf(tx, merchantID, orderID)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if known[row.LineID].Paid >= row.Paid {
			continue
		}
		err := tx.Model(&paidLine{}).Where("merchant_id = ? AND order_id = ? AND line_id = ? AND paid < ?",
			merchantID, orderID, row.LineID, row.Paid).Update("paid", row.Paid).Error
		if err != nil {
			return err
		}
	}
	return nil
}

func raisePayments(tx *gorm.DB, merchantID, orderID string, payments []domain.Payment) error {
	for _, p := range payments {
		never := database.At(time.Unix(0, 0))
		row := paidPayment{
			MerchantID: merchantID, OrderID: orderID, PaymentID: p.PaymentID, Provider: p.Provider,
			ProviderReference: p.Reference, Paid: p.Amount, NextAttemptAt: never, BusyUntil: never,
		}
		if err := tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&row).Error; err != nil {
			return err
		}
		known := "merchant_id = ? AND order_id = ? AND payment_id = ?"
		err := tx.Model(&paidPayment{}).Where(known+" AND paid < ?", merchantID, orderID, p.PaymentID, p.Amount).
			Update("paid", p.Amount).Error
		if err != nil {
			return err
		}
		// A corrected reference serves the refunds to come; a refund number keeps the one it has.
		err = tx.Model(&paidPayment{}).Where(known+" AND provider_reference <> ?", merchantID, orderID, p.PaymentID, p.Reference).
			Update("provider_reference", p.Reference).Error
		if err != nil {
			return err
		}
	}
	return nil
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

// takeLines guards every line and the freight, in the order of their ids.
func takeLines(tx *gorm.DB, merchantID, refundID string, request domain.Request) error {
	rows := make([]refundLine, len(request.Lines))
	for i, line := range request.Lines {
		rows[i] = refundLine{MerchantID: merchantID, RefundID: refundID, LineID: line.LineID, Amount: line.Amount}
		taken := tx.Model(&paidLine{}).
			Where("merchant_id = ? AND order_id = ? AND line_id = ? AND refunded + ? <= paid", merchantID, request.OrderID, line.LineID, line.Amount).
			Update("refunded", gorm.Expr("refunded + ?", line.Amount))
		if taken.Error != nil {
			return taken.Error
		}
		if taken.RowsAffected != 1 {
			return exceedsPaid(tx, merchantID, request, i)
		}
	}
	return tx.CreateInBatches(rows, batch).Error
}

// takePayments splits the amount over what is left of the payments and guards each share. The order's
// row is ours, so that what is read here cannot be taken by another; the guard holds even if it could.
func (s *Store) takePayments(tx *gorm.DB, merchantID, refundID string, request domain.Request) error {
	payments, err := paymentsOf(tx, merchantID, request.OrderID)
	if err != nil {
		return err
	}
	left := make([]int64, len(payments))
	for i, p := range payments {
		left[i] = p.left()
	}
	shares, enough := domain.Split(request.Total, left)
	if !enough {
		return exceedsPaid(tx, merchantID, request, len(request.Lines))
	}
	var parts []partRow
	for i, p := range payments {
		if shares[i] == 0 {
			continue
		}
		taken := tx.Model(&paidPayment{}).
			Where("merchant_id = ? AND order_id = ? AND payment_id = ? AND refunded + ? + "+outside+" <= paid",
				merchantID, request.OrderID, p.PaymentID, shares[i], merchantID, request.OrderID, p.PaymentID).
			Update("refunded", gorm.Expr("refunded + ?", shares[i]))
		if taken.Error != nil {
			return taken.Error
		}
		if taken.RowsAffected != 1 {
			return fmt.Errorf("payment %s was taken by another transaction: %w", p.PaymentID, database.ErrRetry)
		}
		parts = append(parts, partRow{
			RefundNumber: ids.New(NumberPrefix), MerchantID: merchantID, RefundID: refundID, OrderID: request.OrderID,
			PaymentID: p.PaymentID, Provider: p.Provider, PaymentReference: p.ProviderReference, PaymentTotal: p.Paid,
			Amount: shares[i], State: string(domain.PartReserved), Version: 1, Booked: 1,
		})
	}
	if err := tx.Create(&parts).Error; err != nil {
		return err
	}
	return s.bookReserved(tx, merchantID, refundID, request, parts)
}

// refundable is the member of that name in the problem exceeds_paid.
type refundable struct {
	Lines    []lineLeft    `json:"lines"`
	Freight  money.Money   `json:"freight"`
	Payments []paymentLeft `json:"payments"`
}

type lineLeft struct {
	LineID string      `json:"line_id"`
	Amount money.Money `json:"amount"`
}

type paymentLeft struct {
	PaymentID string      `json:"payment_id"`
	Amount    money.Money `json:"amount"`
}

// exceedsPaid tells what can still be refunded of the lines that were asked for, of the freight and of
// all payments. The first so many lines of the request were taken before the rest did not fit; the
// transaction is rolled back, so they count as left.
func exceedsPaid(tx *gorm.DB, merchantID string, request domain.Request, taken int) error {
	lines, err := linesOf(tx, merchantID, request.OrderID)
	if err != nil {
		return err
	}
	payments, err := paymentsOf(tx, merchantID, request.OrderID)
	if err != nil {
		return err
	}
	for _, line := range request.Lines[:taken] {
		row := lines[line.LineID]
		row.Refunded -= line.Amount
		lines[line.LineID] = row
	}
	of := func(paid, refunded int64) money.Money {
		return money.Money{Amount: paid - refunded, Currency: request.Currency}
	}
	freight := lines[domain.FreightLine]
	left := refundable{Lines: []lineLeft{}, Freight: of(freight.Paid, freight.Refunded), Payments: []paymentLeft{}}
	for _, line := range request.Lines {
		if line.LineID != domain.FreightLine {
			row := lines[line.LineID]
			left.Lines = append(left.Lines, lineLeft{line.LineID, of(row.Paid, row.Refunded)})
		}
	}
	for _, p := range payments {
		left.Payments = append(left.Payments, paymentLeft{p.PaymentID, of(p.left(), 0)})
	}
	return problem.Unprocessable("exceeds_paid", "the refund is more than what was paid and not yet refunded; ask for at most what refundable says").
		With("refundable", left)
}
