package store

import (
	"context"
	"errors"
	"fmt"

	"gorm.io/gorm"

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
	var refund domain.Refund
	err := database.InTx(ctx, s.db, func(tx *gorm.DB) error {
		var err error
		refund, err = s.reserve(tx, merchantID, refundID, request, order)
		return err
	})
	if errors.Is(err, errExists) {
		return s.Reserved(ctx, merchantID, refundID, request)
	}
	if err != nil {
		return domain.Refund{}, err
	}
	return refund, nil
}

// Reserved returns the refund that the request made before, as it stands: a 404 problem refund_not_found if there is none of
// this id, a 409 problem refund_differs if another request made it.
func (s *Store) Reserved(ctx context.Context, merchantID, refundID string, request domain.Request) (domain.Refund, error) {
	refund, err := s.Refund(ctx, merchantID, refundID)
	if err != nil {
		return domain.Refund{}, err
	}
	if refund.RequestHash != request.Hash() {
		return domain.Refund{}, problem.Conflict("refund_differs", "a refund of this id was reserved with other content; give another refund another id")
	}
	return refund, nil
}

var errExists = errors.New("the refund exists")

// share is what a refund takes from one of the payments.
type share struct {
	of      int
	payment paidPayment
	amount  int64
}

func (s *Store) reserve(tx *gorm.DB, merchantID, refundID string, request domain.Request, order domain.Order) (domain.Refund, error) {
	isNew, err := s.lockOrder(tx, merchantID, request.OrderID, order)
	if err != nil {
		return domain.Refund{}, err
	}
	now := database.At(s.now())
	refund := refundRow{
		MerchantID: merchantID, RefundID: refundID, CaseID: request.CaseID, OrderID: request.OrderID,
		Currency: request.Currency, Amount: request.Total, Reason: request.Reason, RequestHash: request.Hash(),
		State: string(domain.RefundReserved), CreatedAt: now, UpdatedAt: now, Version: 1,
	}
	err = tx.Create(&refund).Error
	if database.IsDuplicate(err) {
		return domain.Refund{}, errExists
	}
	if err != nil {
		return domain.Refund{}, err
	}
	lines := make([]refundLine, len(request.Lines))
	for i, line := range request.Lines {
		lines[i] = refundLine{MerchantID: merchantID, RefundID: refundID, LineID: line.LineID, Amount: line.Amount}
	}
	if err := tx.CreateInBatches(lines, batch).Error; err != nil {
		return domain.Refund{}, err
	}
	var shares []share
	if isNew {
		shares, err = takeFirst(tx, merchantID, request, order)
	} else {
		shares, err = takeMore(tx, merchantID, request)
	}
	if err != nil {
		return domain.Refund{}, err
	}
	return s.insertParts(tx, refund, shares)
}

// insertParts mints the refund numbers, books the reserves, and returns the refund as it is stored then.
func (s *Store) insertParts(tx *gorm.DB, refund refundRow, shares []share) (domain.Refund, error) {
	rows, parts := make([]partRow, len(shares)), make([]partOfRefund, len(shares))
	for i, share := range shares {
		of := share.payment
		rows[i] = partRow{
			RefundNumber: ids.New(NumberPrefix), MerchantID: refund.MerchantID, RefundID: refund.RefundID, OrderID: refund.OrderID,
			PaymentID: of.PaymentID, Provider: of.Provider, PaymentReference: of.ProviderReference, PaymentTotal: of.Paid,
			Amount: share.amount, State: string(domain.PartReserved), Version: 1, Booked: 1,
		}
		parts[i] = partOfRefund{rows[i], refund, &of}
	}
	if err := tx.Create(&rows).Error; err != nil {
		return domain.Refund{}, err
	}
	reserved := refundOf(parts, s.now())
	return reserved, s.bookReserved(tx, reserved)
}

// takeFirst takes from an order of which nothing is stored yet. Its lines and payments are stored as they are after the
// refund; nobody else can have them, because the order's row is the transaction's own, and the CHECK constraints hold.
func takeFirst(tx *gorm.DB, merchantID string, request domain.Request, order domain.Order) ([]share, error) {
	lines, payments := rowsOf(merchantID, request.OrderID, order)
	exceeds := exceedsPaid(request, lines, payments)
	for _, asked := range request.Lines {
		line, found := lines[asked.LineID]
		if !found || asked.Amount > line.Paid {
			return nil, exceeds
		}
		line.Refunded = asked.Amount
		lines[asked.LineID] = line
	}
	shares, enough := split(request.Total, payments)
	if !enough {
		return nil, exceeds
	}
	for _, share := range shares {
		payments[share.of].Refunded = share.amount
	}
	if err := insertLines(tx, lines); err != nil {
		return nil, err
	}
	return shares, insertPayments(tx, payments)
}

// takeMore takes from an order whose lines and payments are stored: guarded one by one, in the order of their ids.
func takeMore(tx *gorm.DB, merchantID string, request domain.Request) ([]share, error) {
	for i, line := range request.Lines {
		taken := tx.Model(&paidLine{}).
			Where("merchant_id = ? AND order_id = ? AND line_id = ? AND refunded + ? <= paid", merchantID, request.OrderID, line.LineID, line.Amount).
			Update("refunded", gorm.Expr("refunded + ?", line.Amount))
		if taken.Error != nil {
			return nil, taken.Error
		}
		if taken.RowsAffected != 1 {
			return nil, exceedsStored(tx, merchantID, request, i)
		}
	}
	// The order's row is ours, so that what is read here cannot be taken by another; the guard holds even if it could.
	payments, err := paymentsOf(tx, merchantID, request.OrderID)
	if err != nil {
		return nil, err
	}
	shares, enough := split(request.Total, payments)
	if !enough {
		return nil, exceedsStored(tx, merchantID, request, len(request.Lines))
	}
	for _, share := range shares {
		id := share.payment.PaymentID
		taken := tx.Model(&paidPayment{}).
			Where("merchant_id = ? AND order_id = ? AND payment_id = ? AND refunded + ? + "+outside+" <= paid",
				merchantID, request.OrderID, id, share.amount, merchantID, request.OrderID, id).
			Update("refunded", gorm.Expr("refunded + ?", share.amount))
		if taken.Error != nil {
			return nil, taken.Error
		}
		if taken.RowsAffected != 1 {
			return nil, fmt.Errorf("payment %s was taken by another transaction: %w", id, database.ErrRetry)
		}
	}
	return shares, nil
}

// split spreads the amount over what is left of the payments; it is false if that is too little.
func split(amount int64, payments []paidPayment) ([]share, bool) {
	left := make([]int64, len(payments))
	for i, p := range payments {
		left[i] = p.left()
	}
	amounts, enough := domain.Split(amount, left)
	var shares []share
	for i, amount := range amounts {
		if amount > 0 {
			shares = append(shares, share{i, payments[i], amount})
		}
	}
	return shares, enough
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

// exceedsStored is [exceedsPaid] of what is stored. The first so many lines of the request were taken before the rest did
// not fit; the transaction is rolled back, so they count as left.
func exceedsStored(tx *gorm.DB, merchantID string, request domain.Request, taken int) error {
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
	return exceedsPaid(request, lines, payments)
}

// exceedsPaid tells what can still be refunded of the lines that were asked for, of the freight and of all payments.
func exceedsPaid(request domain.Request, lines map[string]paidLine, payments []paidPayment) error {
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
