package kuaidi100

import (
	"encoding/json"
	"errors"
	"net/url"
	"time"

	"aftercare.dev/services/logistics/domain"
)

// ErrForged says that a callback is not signed with the salt that we gave.
var ErrForged = errors.New("callback is not signed with our salt")

// ErrMalformed says that a callback is not what kuaidi100 sends.
var ErrMalformed = errors.New("callback is malformed")

// Answers that kuaidi100 expects. What is not [Acknowledged] is sent again after 30 minutes, three
// times.
const (
	AnswerType    = "application/json; charset=utf-8"
	Acknowledged  = `{"result":true,"returnCode":"200","message":"成功"}`
	NotBelieved   = `{"result":false,"returnCode":"503","message":"签名认证失败"}`
	NotUnderstood = `{"result":false,"returnCode":"400","message":"参数错误"}`
)

// callback is the param of an order callback (下单回调接口, with data) or of a tracking push
// (快递信息推送接口, with lastResult).
type callback struct {
	// Of both: a number in one, a word in the other.
	Status  text   `json:"status"`
	Carrier text   `json:"kuaidicom"`
	Number  text   `json:"kuaidinum"`
	Data    *order `json:"data"`

	AutoCheck  text   `json:"autoCheck"`
	ComNew     text   `json:"comNew"`
	LastResult *track `json:"lastResult"`
}

type order struct {
	OrderID       text `json:"orderId"`
	Status        text `json:"status"`
	CourierName   text `json:"courierName"`
	CourierMobile text `json:"courierMobile"`
	Freight       text `json:"freight"`
}

// ParseCallback verifies the raw form that came to the callback address and tells what it says.
// received is when it came. It returns [ErrForged] before it looks into the content.
func ParseCallback(body []byte, salt string, received time.Time) (domain.Report, error) {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return domain.Report{}, ErrMalformed
	}
	param := form.Get("param")
	if !signed(param, salt, form.Get("sign")) {
		return domain.Report{}, ErrForged
	}
	var c callback
	if err := json.Unmarshal([]byte(param), &c); err != nil {
		return domain.Report{}, ErrMalformed
	}
	var report domain.Report
	switch {
	case c.Data != nil:
		report, err = c.order(form.Get("taskId"), received)
	case c.LastResult != nil || c.Status != "":
		report = c.push()
	default:
		err = ErrMalformed
	}
	if err != nil || bounded(report) != nil {
		return domain.Report{}, ErrMalformed
	}
	return report, nil
}

func (c callback) order(taskID string, received time.Time) (domain.Report, error) {
	if taskID == "" {
		return domain.Report{}, ErrMalformed
	}
	status := c.Data.Status.code()
	report := domain.Report{
		Order:          domain.OrderRef{TaskID: taskID, OrderID: string(c.Data.OrderID)},
		Carrier:        domain.NormalCarrier(string(c.Carrier)),
		TrackingNumber: domain.NormalNumber(string(c.Number)),
		Seen:           orderState(status, received.UTC()),
		CourierName:    clip(string(c.Data.CourierName), 100),
		CourierPhone:   clip(string(c.Data.CourierMobile), 32),
	}
	if kind := freightOf(status); kind != domain.NoFreight {
		fen, err := parseFen(string(c.Data.Freight))
		if err != nil {
			return domain.Report{}, ErrMalformed
		}
		report.FreightFen, report.Freight = fen, kind
	}
	return report, nil
}

// push reads a tracking push. "abort" is final unless kuaidi100 found that the company code was wrong
// and goes on under another one.
func (c callback) push() domain.Report {
	var report domain.Report
	if c.LastResult != nil {
		report = c.LastResult.report()
	}
	if c.ComNew != "" {
		report.Carrier = domain.NormalCarrier(string(c.ComNew))
		return report
	}
	if c.Status == "abort" && (report.Seen.State == "" || !report.Seen.State.Final()) {
		report.Seen = abort(report.Newest())
	}
	return report
}
