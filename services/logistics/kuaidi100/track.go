package kuaidi100

import (
	"context"
	"encoding/json"
	"net/url"
	"time"

	"aftercare.dev/services/logistics/domain"
)

// Subscription asks to be told of a parcel's way.
type subscribeParam struct {
	Company    string              `json:"company"`
	Number     string              `json:"number"`
	Key        string              `json:"key"`
	Parameters subscribeParameters `json:"parameters"`
}

type subscribeParameters struct {
	CallbackURL string `json:"callbackurl"`
	Salt        string `json:"salt"`
	ResultV2    string `json:"resultv2"`
	Phone       string `json:"phone,omitempty"`
}

// NeedsPhone tells whether the carrier's parcels can be followed only with the phone number of the
// sender or the recipient (顺丰, 中通).
func (c *Client) NeedsPhone(carrier string) bool {
	switch carrier {
	case "shunfeng", "shunfengkuaiyun", "zhongtong":
		return true
	}
	return false
}

// Subscribe asks kuaidi100 to push the way of a parcel. Doing it again is harmless: that it was done
// before (501) is no error.
func (c *Client) Subscribe(ctx context.Context, carrier, number, phone, token, salt string) error {
	param, err := encode(subscribeParam{
		Company: carrier,
		Number:  number,
		Key:     string(c.cfg.Key),
		Parameters: subscribeParameters{
			CallbackURL: c.callbackURL(token),
			Salt:        salt,
			ResultV2:    "1",
			Phone:       phone,
		},
	})
	if err != nil {
		return err
	}
	body, err := c.post(ctx, "/poll", url.Values{"schema": {"json"}, "param": {param}})
	if err != nil {
		return err
	}
	var a answer
	if err := json.Unmarshal(body, &a); err != nil {
		return malformed(err)
	}
	if a.ReturnCode == "200" || a.ReturnCode == "501" {
		return nil
	}
	return subscribeRefusal(a.ReturnCode)
}

// subscribeRefusal maps the codes of /poll, which are others than those of borderapi.do: 700/701/702
// concern the company or the number, 600/601 the contract (订阅接口返回码).
func subscribeRefusal(code text) error {
	switch code {
	case "700", "701", "702":
		return &domain.ProviderError{Trouble: domain.Refusal, Code: string(code)}
	case "500":
		return &domain.ProviderError{Trouble: domain.NotDone, Code: string(code)}
	}
	return refusal(code)
}

type queryParam struct {
	Company  string `json:"com"`
	Number   string `json:"num"`
	Phone    string `json:"phone,omitempty"`
	ResultV2 string `json:"resultv2"`
	Show     string `json:"show"`
	Order    string `json:"order"`
}

// track is the way of a parcel, in a push (lastResult) or as the answer of query.do.
type track struct {
	State      text   `json:"state"`
	Carrier    text   `json:"com"`
	Number     text   `json:"nu"`
	Data       []scan `json:"data"`
	ReturnCode text   `json:"returnCode"`
}

type scan struct {
	Time    text `json:"time"`
	FTime   text `json:"ftime"`
	Context text `json:"context"`
}

// Query asks for the way of a parcel now. kuaidi100 wants half an hour between two questions about
// one number; the caller keeps to it. That nothing is known yet is no error: the report is empty.
func (c *Client) Query(ctx context.Context, carrier, number, phone string) (domain.Report, error) {
	param, err := encode(queryParam{Company: carrier, Number: number, Phone: phone, ResultV2: "1", Show: "0", Order: "desc"})
	if err != nil {
		return domain.Report{}, err
	}
	body, err := c.post(ctx, "/poll/query.do", url.Values{
		"customer": {c.cfg.Customer},
		"param":    {param},
		"sign":     {sign(param, string(c.cfg.Key), c.cfg.Customer)},
	})
	if err != nil {
		return domain.Report{}, err
	}
	var t track
	if err := json.Unmarshal(body, &t); err != nil {
		return domain.Report{}, malformed(err)
	}
	switch t.ReturnCode {
	case "", "200":
		report := t.report()
		return report, bounded(report)
	case "500": // 查询无结果，请隔段时间再查
		return domain.Report{}, nil
	}
	return domain.Report{}, refusal(t.ReturnCode)
}

// maxScans bounds what is kept of a parcel's way.
const maxScans = 500

// report translates a track. Without a scan its state says nothing: 0 is also the default.
func (t track) report() domain.Report {
	r := domain.Report{
		Carrier:        domain.NormalCarrier(string(t.Carrier)),
		TrackingNumber: domain.NormalNumber(string(t.Number)),
	}
	for _, s := range t.Data {
		at := parseTime(string(s.Time))
		if at.IsZero() {
			at = parseTime(string(s.FTime))
		}
		if at.IsZero() || len(r.Scans) == maxScans {
			continue
		}
		r.Scans = append(r.Scans, domain.Scan{At: at, Text: clip(string(s.Context), 500)})
	}
	if len(r.Scans) > 0 {
		r.Seen = trackState(t.State.code(), r.Newest())
	}
	return r
}

// clip cuts s after limit runes.
func clip(s string, limit int) string {
	runes := 0
	for i := range s {
		if runes == limit {
			return s[:i]
		}
		runes++
	}
	return s
}

// abort says that kuaidi100 gave up on a number: lost, dated at the last sign of life.
func abort(newest time.Time) domain.Observation {
	return domain.Observation{State: domain.Lost, At: newest, Reason: "no_scan"}
}
