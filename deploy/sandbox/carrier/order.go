package carrier

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"aftercare.dev/deploy/sandbox/journal"
)

// The states of a booking, from the vendor's table of order states.
const (
	Placed           = 0
	Accepted         = 1
	Collecting       = 2
	CancelledByUser  = 9
	PickedUp         = 10
	PickUpFailed     = 11
	SentBack         = 12
	Signed           = 13
	Settled          = 15
	CancelledByOther = 99
	InTransit        = 101
	PlacingFailed    = 610
)

// Person is one end of the way.
type Person struct {
	Name    string `json:"name"`
	Mobile  string `json:"mobile"`
	Address string `json:"address"`
}

// Order is a booked pickup as the journal keeps it. The last line of a task_id
// is the truth.
type Order struct {
	Op           string `json:"op"` // order
	TaskID       string `json:"task_id"`
	OrderID      string `json:"order_id"`
	ThirdOrderID string `json:"third_order_id,omitempty"`
	Com          string `json:"com"`
	Num          string `json:"num,omitempty"` // known when picked up
	Status       int    `json:"status"`
	Seq          int    `json:"seq"`             // of the line, within the order
	Quiet        bool   `json:"quiet,omitempty"` // this line is told to nobody

	Time       time.Time `json:"time"`
	CreateTime time.Time `json:"create_time"`
	Due        time.Time `json:"due,omitzero"` // of the next step

	Sender      Person `json:"sender"`
	Receiver    Person `json:"receiver"`
	Cargo       string `json:"cargo,omitempty"`
	Remark      string `json:"remark,omitempty"`
	ServiceType string `json:"service_type,omitempty"`
	Weight      string `json:"weight"`
	DayType     string `json:"day_type,omitempty"`
	PickupStart string `json:"pickup_start,omitempty"`
	PickupEnd   string `json:"pickup_end,omitempty"`

	CallbackURL     string  `json:"callback_url"`
	Salt            *string `json:"salt,omitempty"`
	PollCallbackURL string  `json:"poll_callback_url,omitempty"`
	ResultV2        string  `json:"resultv2,omitempty"`

	CourierName   string `json:"courier_name,omitempty"`
	CourierMobile string `json:"courier_mobile,omitempty"`
	Freight       int64  `json:"freight"` // fen
	ListPrice     int64  `json:"list_price"`
	PayStatus     int    `json:"pay_status"` // 0 unpaid, 1 paid, 3 given back
	CancelMsg     string `json:"cancel_msg,omitempty"`
	Outcome       string `json:"outcome,omitempty"`
	Digest        string `json:"digest"` // of the request, to find repeated submissions

	ticket journal.Ticket // of this line
}

// open reports whether the courier has not been there yet.
func (o *Order) open() bool {
	return o.Status == Placed || o.Status == Accepted || o.Status == Collecting
}

// dead reports whether nothing will ever be picked up.
func (o *Order) dead() bool {
	switch o.Status {
	case CancelledByUser, CancelledByOther, PlacingFailed, PickUpFailed:
		return true
	}
	return false
}

// next is what follows a booking's state until its parcel takes over.
func (d Delays) nextStatus(status int, outcome string) (int, time.Duration, bool) {
	switch status {
	case Placed:
		switch outcome {
		case PlaceFailed:
			return PlacingFailed, d.Accept, true
		case CarrierCancelled:
			return CancelledByOther, d.Accept, true
		}
		return Accepted, d.Accept, true
	case Accepted:
		return Collecting, d.Collect, true
	case Collecting:
		if outcome == PickupFailed {
			return PickUpFailed, d.PickUp, true
		}
		return PickedUp, d.PickUp, true
	case Signed:
		return Settled, d.Settle, true
	}
	return 0, 0, false
}

func (o *Order) keys() map[string]string {
	return map[string]string{
		"order": o.ThirdOrderID, "task_id": o.TaskID, "order_id": o.OrderID,
		"tracking": o.Num, "com": o.Com, "callback_url": o.CallbackURL, "remark": o.Remark,
	}
}

// carriers are those with which a pickup can be booked, and how their numbers
// begin.
var carriers = map[string]string{
	"shunfeng": "SF", "jd": "JDVA", "debangkuaidi": "DPK", "jtexpress": "JT", "yuantong": "YT",
	"shentong": "77", "zhongtong": "78", "yunda": "43", "ems": "11",
}

// price is the discounted and the list price in fen: a sample table, since
// prices are each customer's own.
func price(from, to string, weight float64) (first, over, total, list int64) {
	first, over = 1200, 400
	if region(from) == region(to) {
		first, over = 800, 200
	}
	total = first + over*int64(max(0, math.Ceil(weight)-1))
	return first, over, total, total * 5 / 4
}

// region is the province: the first two characters of an address.
func region(address string) string {
	r := []rune(strings.TrimSpace(address))
	return string(r[:min(2, len(r))])
}

func yuan(fen int64) string { return fmt.Sprintf("%d.%02d", fen/100, fen%100) }

// plain writes a weight.
func plain(kg float64) string { return strconv.FormatFloat(kg, 'f', -1, 64) }

// kilograms reads a weight; none or nonsense counts as 1 kg, the documented
// default.
func kilograms(s string) float64 {
	w, err := strconv.ParseFloat(s, 64)
	if err != nil || w <= 0 || w > 1000 {
		return 1
	}
	return w
}
