package kuaidi100

import (
	"context"
	"strconv"
	"time"

	"aftercare.dev/services/logistics/domain"
)

// bookParam is the param of bOrder; only what this service uses.
type bookParam struct {
	Carrier         string `json:"kuaidicom"`
	ReceiverName    string `json:"recManName"`
	ReceiverMobile  string `json:"recManMobile"`
	ReceiverAddress string `json:"recManPrintAddr"`
	SenderName      string `json:"sendManName"`
	SenderMobile    string `json:"sendManMobile"`
	SenderAddress   string `json:"sendManPrintAddr"`
	CallbackURL     string `json:"callBackUrl"`
	Cargo           string `json:"cargo"`
	Payment         string `json:"payment"`
	Weight          string `json:"weight"`
	Remark          string `json:"remark"`
	Salt            string `json:"salt"`
	DayType         string `json:"dayType"`
	PickupStart     string `json:"pickupStartTime"`
	PickupEnd       string `json:"pickupEndTime"`
	Op              string `json:"op"`
	TrackURL        string `json:"pollCallBackUrl"`
	ResultV2        string `json:"resultv2"`
	ThirdOrderID    string `json:"thirdOrderId"`
}

type bookAnswer struct {
	TaskID  text `json:"taskId"`
	OrderID text `json:"orderId"`
	Number  text `json:"kuaidinum"`
}

// dayTypes are how kuaidi100 names a day, counted from today in China.
var dayTypes = [...]string{"今天", "明天", "后天"}

// Book orders a courier. It must not be repeated after an error of trouble [domain.Unknown] before
// it is clear what became of the first call.
func (c *Client) Book(ctx context.Context, b domain.Booking) (domain.Report, error) {
	day := b.Slot.DaysAhead(c.now())
	if day < 0 || day >= len(dayTypes) {
		return domain.Report{}, &domain.ProviderError{Trouble: domain.Refusal, Code: "slot_not_bookable"}
	}
	body, err := c.order(ctx, "bOrder", bookParam{
		Carrier:         b.Carrier,
		ReceiverName:    b.Receiver.Name,
		ReceiverMobile:  b.Receiver.Phone,
		ReceiverAddress: b.Receiver.Address(),
		SenderName:      b.Sender.Name,
		SenderMobile:    b.Sender.Phone,
		SenderAddress:   b.Sender.Address(),
		CallbackURL:     c.callbackURL(b.Token),
		Cargo:           c.cfg.Cargo,
		Payment:         "SHIPPER",
		Weight:          kilograms(b.WeightGrams),
		Remark:          b.Reference,
		Salt:            b.Salt,
		DayType:         dayTypes[day],
		PickupStart:     clock(b.Slot.Start),
		PickupEnd:       clock(b.Slot.End),
		Op:              "1",
		TrackURL:        c.callbackURL(b.Token),
		ResultV2:        "1",
		ThirdOrderID:    b.Number,
	})
	if err != nil {
		return domain.Report{}, err
	}
	var a bookAnswer
	if err := decode(body, &a); err != nil {
		return domain.Report{}, err
	}
	if a.TaskID == "" {
		return domain.Report{}, &domain.ProviderError{Trouble: domain.Unknown, Code: "no_task_id"}
	}
	report := domain.Report{
		Order:          domain.OrderRef{TaskID: string(a.TaskID), OrderID: string(a.OrderID)},
		Carrier:        b.Carrier,
		TrackingNumber: domain.NormalNumber(string(a.Number)),
		Seen:           domain.Observation{State: domain.Booked},
	}
	return report, bounded(report)
}

// kilograms writes grams as kuaidi100 wants a weight: a decimal number of kilograms, no unit.
func kilograms(grams int) string {
	return strconv.FormatFloat(float64(grams)/1000, 'f', -1, 64)
}

func clock(t time.Time) string { return t.In(domain.China).Format("15:04") }

type orderParam struct {
	TaskID      string `json:"taskId"`
	OrderID     string `json:"orderId,omitempty"`
	CancelMsg   string `json:"cancelMsg,omitempty"`
	DayType     string `json:"dayType,omitempty"`
	PickupStart string `json:"pickupStartTime,omitempty"`
	PickupEnd   string `json:"pickupEndTime,omitempty"`
}

// Cancel calls the courier off. It is possible until the parcel is picked up; a refusal is an error
// of trouble [domain.Refusal], and [Client.Detail] tells why. It may be repeated.
func (c *Client) Cancel(ctx context.Context, order domain.OrderRef) error {
	body, err := c.order(ctx, "cancel", orderParam{TaskID: order.TaskID, OrderID: order.OrderID, CancelMsg: "不需要取件了"})
	if err != nil {
		return err
	}
	return decode(body, nil)
}

// Reschedule moves the courier's visit (modifyOrder). It may be repeated.
func (c *Client) Reschedule(ctx context.Context, order domain.OrderRef, slot domain.Slot) error {
	day := slot.DaysAhead(c.now())
	if day < 0 || day >= len(dayTypes) {
		return &domain.ProviderError{Trouble: domain.Refusal, Code: "slot_not_bookable"}
	}
	body, err := c.order(ctx, "modifyOrder", orderParam{
		TaskID:      order.TaskID,
		OrderID:     order.OrderID,
		DayType:     dayTypes[day],
		PickupStart: clock(slot.Start),
		PickupEnd:   clock(slot.End),
	})
	if err != nil {
		return err
	}
	return decode(body, nil)
}

type detailAnswer struct {
	TaskID        text `json:"taskId"`
	OrderID       text `json:"orderId"`
	Carrier       text `json:"kuaidiCom"`
	Number        text `json:"kuaidiNum"`
	Status        text `json:"status"`
	CourierName   text `json:"courierName"`
	CourierMobile text `json:"courierMobile"`
	Freight       text `json:"freight"`
}

// Detail asks how an order stands.
func (c *Client) Detail(ctx context.Context, order domain.OrderRef) (domain.Report, error) {
	body, err := c.order(ctx, "detail", orderParam{TaskID: order.TaskID})
	if err != nil {
		return domain.Report{}, err
	}
	var a detailAnswer
	if err := decode(body, &a); err != nil {
		return domain.Report{}, err
	}
	status := a.Status.code()
	report := domain.Report{
		Order:          domain.OrderRef{TaskID: order.TaskID, OrderID: string(a.OrderID)},
		Carrier:        domain.NormalCarrier(string(a.Carrier)),
		TrackingNumber: domain.NormalNumber(string(a.Number)),
		Seen:           orderState(status, c.now().UTC()),
		CourierName:    clip(string(a.CourierName), 100),
		CourierPhone:   clip(string(a.CourierMobile), 32),
	}
	// Before it is settled the amount is an estimate.
	if fen, err := parseFen(string(a.Freight)); err == nil && freightOf(status) != domain.NoFreight {
		report.FreightFen, report.Freight = fen, domain.FreightTotal
	}
	return report, bounded(report)
}
