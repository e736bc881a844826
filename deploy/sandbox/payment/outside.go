package payment

import (
	"errors"
	"fmt"
	"time"
)

// ErrUnknownRefund says that the merchant has no refund of the number.
var ErrUnknownRefund = errors.New("no such refund")

// ErrNotPaid says that only a refund that succeeded can come back.
var ErrNotPaid = errors.New("only a refund that succeeded can be returned")

// ErrRefused is wrapped by what a refund outside is refused for.
var ErrRefused = errors.New("refused")

// Outside is a refund that somebody makes on the provider's pages, where the merchant's system is not asked.
type Outside struct {
	// MchID may be empty if there is one merchant.
	MchID      string `json:"mchid"`
	OutTradeNo string `json:"out_trade_no"`
	// Amount of the refund and Total of the payment, in minor units; Total may be left out if the order was refunded before.
	Amount   int64  `json:"amount"`
	Total    int64  `json:"total"`
	Currency string `json:"currency"` // default CNY
	// SuccessTime is when it was made, default now. It says in which day's bill it is.
	SuccessTime time.Time `json:"success_time"`
}

// RefundOutside makes a refund that succeeds at once and tells nobody. The provider makes up its out_refund_no.
func (s *Service) RefundOutside(o Outside) (Refund, error) {
	mchID, err := s.merchant(o.MchID)
	if err != nil {
		return Refund{}, err
	}
	r, err := s.outside(s.merchants[mchID], o)
	if err != nil {
		return Refund{}, err
	}
	return r, s.journal.Wait(r.ticket)
}

func (s *Service) outside(m Merchant, o Outside) (Refund, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.cfg.Clock.Now()
	made := o.SuccessTime
	if made.IsZero() || made.After(now) {
		made = now
	}
	var q createRequest
	q.OutTradeNo, q.OutRefundNo = o.OutTradeNo, "MCHWEB"+digits(20)
	q.Amount.Refund, q.Amount.Total, q.Amount.Currency = o.Amount, o.Total, o.Currency
	if q.Amount.Currency == "" {
		q.Amount.Currency = "CNY"
	}
	if known := s.orders[orderKey{m.MchID, o.OutTradeNo}]; known != nil && q.Amount.Total == 0 {
		q.Amount.Total = known.total
	}
	if err := q.check(); err != nil {
		return Refund{}, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	order, refused := s.orderOf(m.MchID, q)
	if refused != nil {
		return Refund{}, fmt.Errorf("%w: %w", ErrRefused, refused)
	}
	if err := s.admit(m, order, q, order.last.Add(s.cfg.Clock.Real(s.cfg.Delays.MinGap))); err != nil {
		return Refund{}, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	r := &Refund{
		Op: "refund", OutRefundNo: q.OutRefundNo, RefundID: newRefundID(now),
		OutTradeNo: order.outTradeNo, TransactionID: order.transactionID,
		Amount: o.Amount, Total: q.Amount.Total, Currency: q.Amount.Currency,
		Status: Success, Time: now, MchID: m.MchID, CreateTime: made, SuccessTime: made, Outcome: Success,
		Channel: "ORIGINAL", Account: "支付用户零钱", Funds: "AVAILABLE", Outside: true,
	}
	if err := s.write(r); err != nil {
		return Refund{}, err
	}
	s.keep(r)
	return *r, nil
}

// Return takes a success back, as when the bank returns the money days later: the refund becomes ABNORMAL and the merchant is
// notified. Of one that was returned before the merchant is notified once more: whoever was away for a day of the sandbox, which
// may be seconds, missed it.
func (s *Service) Return(mchID, outRefundNo string) (Refund, error) {
	mchID, err := s.merchant(mchID)
	if err != nil {
		return Refund{}, err
	}
	s.mu.Lock()
	r, err := s.takeBack(refundKey{mchID, outRefundNo})
	s.mu.Unlock()
	if err != nil {
		return Refund{}, err
	}
	return r, s.journal.Wait(r.ticket)
}

// takeBack is for whoever holds the lock.
func (s *Service) takeBack(key refundKey) (Refund, error) {
	old := s.refunds[key]
	switch {
	case old == nil:
		return Refund{}, ErrUnknownRefund
	case old.Status == Abnormal && !old.SuccessTime.IsZero():
		s.notifyReturn(*old)
		return *old, nil
	case old.Status != Success:
		return Refund{}, ErrNotPaid
	}
	r := *old
	r.Status, r.Time, r.Returns = Abnormal, s.cfg.Clock.Now(), false
	if err := s.write(&r); err != nil {
		return Refund{}, err
	}
	s.keep(&r)
	s.notifyReturn(r)
	return r, nil
}

func (s *Service) notifyReturn(r Refund) {
	if r.NotifyURL != "" {
		s.cfg.Callbacks.Send(s.notification(r))
	}
}

// planReturn sees to it that a refund that a rule condemned comes back.
func (s *Service) planReturn(r *Refund) {
	if r.Status != Success || !r.Returns {
		return
	}
	key := refundKey{r.MchID, r.OutRefundNo}
	s.cfg.Clock.At(r.SuccessTime.Add(s.cfg.Clock.Real(s.cfg.Delays.Return)), func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if now := s.refunds[key]; now == nil || !now.Returns {
			return
		}
		if _, err := s.takeBack(key); err != nil {
			s.cfg.Logger.Error("sandbox: refund cannot be returned", "out_refund_no", key.outRefundNo, "error", err)
		}
	})
}

// merchant is the one that is named, or the only one.
func (s *Service) merchant(mchID string) (string, error) {
	if mchID == "" && len(s.cfg.Merchants) == 1 {
		return s.cfg.Merchants[0].MchID, nil
	}
	if _, known := s.merchants[mchID]; !known {
		return "", fmt.Errorf("%w: mchid is not one of the merchants", ErrRefused)
	}
	return mchID, nil
}
