package payment

import (
	"encoding/json"
	"time"

	"aftercare.dev/deploy/sandbox/callback"
)

type balanceLine struct {
	Op     string `json:"op"` // balance
	MchID  string `json:"mchid"`
	Amount int64  `json:"amount"` // negative: unlimited
}

func (s *Service) replay(raw []byte, backlog *callback.Backlog) error {
	var head struct {
		Op string `json:"op"`
	}
	if err := json.Unmarshal(raw, &head); err != nil {
		return err
	}
	switch head.Op {
	case "refund":
		r := &Refund{}
		if err := json.Unmarshal(raw, r); err != nil {
			return err
		}
		s.keep(r)
		if r.Status != Processing && r.NotifyURL != "" {
			backlog.Owe(s.notification(*r))
		}
	case "balance":
		var l balanceLine
		if err := json.Unmarshal(raw, &l); err != nil {
			return err
		}
		s.setBalance(l.MchID, l.Amount)
	case "callback":
		var l callback.Line
		if err := json.Unmarshal(raw, &l); err != nil {
			return err
		}
		backlog.Note(l)
	}
	return nil
}

// write puts the refund's present state into the journal, without waiting.
func (s *Service) write(r *Refund) *apiError {
	t, err := s.journal.Enqueue(r)
	if err != nil {
		return problem("SYSTEM_ERROR", err.Error())
	}
	r.ticket = t
	return nil
}

// keep makes r the state of its number, and books what changed by it on order
// and balance.
func (s *Service) keep(r *Refund) {
	key := refundKey{r.MchID, r.OutRefundNo}
	old := s.refunds[key]
	s.refunds[key], s.byID[r.RefundID] = r, r
	o := s.orders[orderKey{r.MchID, r.OutTradeNo}]
	if o == nil {
		o = &order{outTradeNo: r.OutTradeNo, transactionID: r.TransactionID, total: r.Total, currency: r.Currency}
		s.orders[orderKey{r.MchID, r.OutTradeNo}] = o
		s.orders[orderKey{r.MchID, r.TransactionID}] = o
	}
	if old == nil {
		o.count++
		o.last = r.CreateTime
	}
	change := r.held() - old.held()
	o.refunded += change
	if balance, limited := s.balances[r.MchID]; limited {
		s.balances[r.MchID] = balance - change
	}
}

// held is what a refund takes from its order: a closed one gives it back.
func (r *Refund) held() int64 {
	if r == nil || r.Status == Closed {
		return 0
	}
	return r.Amount
}

// plan sees to it that a refund in PROCESSING comes to its end.
func (s *Service) plan(r *Refund) {
	s.planReturn(r)
	if r.Status != Processing || r.Due.IsZero() {
		return
	}
	key := refundKey{r.MchID, r.OutRefundNo}
	due := r.Due
	s.cfg.Clock.At(due, func() { s.settle(key, due) })
}

// settle ends the PROCESSING that was due then.
func (s *Service) settle(key refundKey, due time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.refunds[key]
	now := s.cfg.Clock.Now()
	if old == nil || old.Status != Processing || !old.Due.Equal(due) {
		return
	}
	r := *old
	r.Status, r.Time = r.Outcome, now
	if r.Status == Success {
		r.SuccessTime = now
	}
	if err := s.write(&r); err != nil {
		s.cfg.Logger.Error("sandbox: refund cannot be settled", "out_refund_no", r.OutRefundNo, "error", err)
		return
	}
	s.keep(&r)
	s.planReturn(&r)
	if r.NotifyURL != "" {
		s.cfg.Callbacks.Send(s.notification(r))
	}
}
