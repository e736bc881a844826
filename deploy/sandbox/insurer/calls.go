package insurer

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"time"

	"aftercare.dev/deploy/sandbox/fault"
)

// What is paid, in fen: 10 yuan to the wallet for a parcel that the buyer sent,
// the freight of a door pickup up to 19.35 yuan.
const (
	selfShipped = 1000
	pickupCap   = 1935
	premium     = 35
)

// payWindow is how long after the payment an order can be insured.
const payWindow = 72 * time.Hour

type place struct {
	Province string `json:"province"`
	City     string `json:"city"`
	County   string `json:"county"`
	Address  string `json:"address"`
}

func (p place) complete() bool {
	return p.Province != "" && p.City != "" && p.County != "" && p.Address != ""
}

type insureRequest struct {
	OpenID        string `json:"openid"`
	OrderNo       string `json:"order_no"`
	PayTime       int64  `json:"pay_time"`
	PayAmount     int64  `json:"pay_amount"`
	DeliveryNo    string `json:"delivery_no"`
	DeliveryPlace place  `json:"delivery_place"`
	ReceiptPlace  place  `json:"receipt_place"`
	ProductInfo   struct {
		OrderPath string `json:"order_path"`
		GoodsList []struct {
			Name string `json:"name"`
			URL  string `json:"url"`
		} `json:"goods_list"`
	} `json:"product_info"`
}

func (q insureRequest) check(now time.Time) *apiError {
	switch {
	case q.OpenID == "":
		return failure(41009)
	case q.OrderNo == "" || q.DeliveryNo == "" || q.PayAmount < 1:
		return failure(47001)
	case !q.DeliveryPlace.complete() || !q.ReceiptPlace.complete():
		return failure(47001)
	case q.ProductInfo.OrderPath == "" || len(q.ProductInfo.GoodsList) == 0:
		return failure(47001)
	case now.Sub(time.Unix(q.PayTime, 0)).Abs() > payWindow:
		return failure(1010)
	}
	return nil
}

// createOrder insures an order when it is shipped.
func (s *Service) createOrder(body []byte) fault.Answer {
	var q insureRequest
	if err := json.Unmarshal(body, &q); err != nil {
		return refuse(failure(47001))
	}
	if err := q.check(s.cfg.Clock.Now()); err != nil {
		return refuse(err)
	}
	p, err := s.insure(q)
	if err != nil {
		return refuse(err)
	}
	return s.durable(p, map[string]any{
		"policy_no": p.PolicyNo, "insurance_end_date": stamp(p.EndTime),
		"estimate_amount": p.Estimate, "premium": p.Premium,
	})
}

func (s *Service) insure(q insureRequest) (Policy, *apiError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.policies[q.OrderNo] != nil {
		return Policy{}, &apiError{2007, "order insured already"}
	}
	if s.index["delivery/"+q.DeliveryNo] != "" {
		return Policy{}, failure(1011)
	}
	now := s.cfg.Clock.Now()
	p := &Policy{
		Op: "insure", OrderNo: q.OrderNo, PolicyNo: "1028800" + digits(13), OpenID: q.OpenID, Status: Covered,
		Estimate: selfShipped, Premium: premium, PayAmount: q.PayAmount, DeliveryNo: q.DeliveryNo,
		Time: now, CreateTime: now, EndTime: s.cfg.Clock.Due(s.cfg.Delays.Cover),
	}
	return s.write(p)
}

// claim reports the buyer's return. One order has one policy has one claim.
func (s *Service) claim(body []byte) fault.Answer {
	var q struct {
		OpenID           string `json:"openid"`
		OrderNo          string `json:"order_no"`
		RefundDeliveryNo string `json:"refund_delivery_no"`
		RefundCompany    string `json:"refund_company"`
	}
	if err := json.Unmarshal(body, &q); err != nil || q.OrderNo == "" || q.RefundDeliveryNo == "" || q.RefundCompany == "" {
		return refuse(failure(47001))
	}
	if q.OpenID == "" {
		return refuse(failure(41009))
	}
	p, err := s.report(q.OpenID, q.OrderNo, q.RefundDeliveryNo, q.RefundCompany)
	if err != nil {
		return refuse(err)
	}
	return s.durable(p, map[string]any{"report_no": p.ReportNo, "is_home_pick_up": flag(p.HomePickUp)})
}

func (s *Service) report(openID, orderNo, number, company string) (Policy, *apiError) {
	freight, booked := s.cfg.Pickup(number)
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.cfg.Clock.Now()
	old := s.policies[orderNo]
	switch {
	case old == nil:
		return Policy{}, failure(2009)
	case old.OpenID != openID:
		return Policy{}, failure(2011)
	case old.Status != Covered:
		return Policy{}, failure(2007)
	case old.at(now) == Expired:
		return Policy{}, &apiError{1010, "policy expired"}
	case s.index["refund/"+number] != "":
		return Policy{}, failure(1011)
	}
	p := *old
	p.Op, p.Status, p.Time = "claim", Claiming, now
	p.ReportNo, p.RefundDeliveryNo, p.RefundCompany, p.HomePickUp = "9058100"+digits(13), number, company, booked
	p.Amount = selfShipped
	if booked {
		p.Amount = min(freight, pickupCap)
		p.Estimate = p.Amount
	}
	if r, ok := s.cfg.Faults.Take(fault.Call{System: System, Operation: "claim", Keys: p.keys()}, fault.Outcome); ok {
		p.Outcome = r.Message
		if p.Outcome == "" {
			p.Outcome = r.Outcome
		}
	}
	p.Due = s.cfg.Clock.Due(s.cfg.Delays.Payout)
	kept, err := s.write(&p)
	if err != nil {
		return Policy{}, err
	}
	s.plan(&p)
	s.cfg.Callbacks.Forge(s.event(p))
	return kept, nil
}

type listRequest struct {
	OpenID           string `json:"openid"`
	OrderNo          string `json:"order_no"`
	PolicyNo         string `json:"policy_no"`
	ReportNo         string `json:"report_no"`
	DeliveryNo       string `json:"delivery_no"`
	RefundDeliveryNo string `json:"refund_delivery_no"`
	BeginTime        int64  `json:"begin_time"`
	EndTime          int64  `json:"end_time"`
	StatusList       []int  `json:"status_list"`
	Offset           int    `json:"offset"`
	Limit            int    `json:"limit"`
	SortDirect       int    `json:"sort_direct"`
}

func (q listRequest) wants(p *Policy, now time.Time) bool {
	match := func(want, have string) bool { return want == "" || want == have }
	created := p.CreateTime.Unix()
	return match(q.OpenID, p.OpenID) && match(q.OrderNo, p.OrderNo) && match(q.PolicyNo, p.PolicyNo) &&
		match(q.ReportNo, p.ReportNo) && match(q.DeliveryNo, p.DeliveryNo) &&
		match(q.RefundDeliveryNo, p.RefundDeliveryNo) &&
		(q.BeginTime == 0 || created >= q.BeginTime) && (q.EndTime == 0 || created <= q.EndTime) &&
		(len(q.StatusList) == 0 || slices.Contains(q.StatusList, p.at(now)))
}

// candidates are the orders among which to look: one, if the request names it.
func (s *Service) candidates(q listRequest) []string {
	named := q.OrderNo
	for kind, number := range map[string]string{
		"policy": q.PolicyNo, "report": q.ReportNo, "delivery": q.DeliveryNo, "refund": q.RefundDeliveryNo,
	} {
		if number != "" {
			named = s.index[kind+"/"+number]
			if named == "" {
				return nil
			}
		}
	}
	if named != "" {
		return []string{named}
	}
	return s.list
}

// orderList is getorderlist: at most 100 policies a page.
func (s *Service) orderList(body []byte) fault.Answer {
	var q listRequest
	if err := json.Unmarshal(body, &q); err != nil {
		return refuse(failure(47001))
	}
	if q.Limit <= 0 || q.Limit > 100 {
		q.Limit = 100
	}
	s.mu.Lock()
	now := s.cfg.Clock.Now()
	var found []*Policy
	for _, no := range s.candidates(q) {
		if p := s.policies[no]; p != nil && q.wants(p, now) {
			found = append(found, p)
		}
	}
	s.mu.Unlock()
	if q.SortDirect == 1 {
		slices.Reverse(found)
	}
	total := len(found)
	page := found[min(max(0, q.Offset), total):]
	page = page[:min(q.Limit, len(page))]
	items := make([]map[string]any, 0, len(page))
	for _, p := range page {
		if err := s.journal.Wait(p.ticket); err != nil {
			return refuse(failure(-1))
		}
		items = append(items, p.item(now))
	}
	return reply(map[string]any{"total": total, "list": items})
}

// summary is getsummary, without its time window.
func (s *Service) summary([]byte) fault.Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return reply(map[string]any{
		"total": len(s.policies), "claim_num": s.claims, "claim_succ_num": s.paid,
		"premium": premium, "funds": 1_000_000, "need_close": false,
	})
}

func digits(n int) string {
	limit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil)
	v, err := rand.Int(rand.Reader, limit)
	if err != nil {
		panic(err) // crypto/rand does not fail
	}
	return fmt.Sprintf("%0*d", n, v)
}
