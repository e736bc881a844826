package insurer

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"aftercare.dev/deploy/sandbox/callback"
)

// message is a message push in plain text mode.
type message struct {
	XMLName      xml.Name    `json:"-" xml:"xml"`
	ToUserName   string      `json:"ToUserName" xml:"ToUserName"`
	FromUserName string      `json:"FromUserName" xml:"FromUserName"`
	CreateTime   int64       `json:"CreateTime" xml:"CreateTime"`
	MsgType      string      `json:"MsgType" xml:"MsgType"`
	Event        string      `json:"Event" xml:"Event"`
	UploadEvent  uploadEvent `json:"upload_event" xml:"upload_event"`
}

type uploadEvent struct {
	OrderNo       string `json:"OrderNo" xml:"OrderNo"`
	Status        int    `json:"Status" xml:"Status"`
	FinishTime    int64  `json:"FinishTime" xml:"FinishTime"`
	PayFailReason string `json:"PayFailReason,omitempty" xml:"PayFailReason,omitempty"`
}

var errNoCallback = errors.New("insurer: no callback URL is set")

// event is the push about a claim's result. It is attempted three times in all.
func (s *Service) event(p Policy) *callback.Delivery {
	id := p.ReportNo + "/" + strconv.Itoa(p.Status)
	return &callback.Delivery{
		ID: id, System: System, Keys: p.keys(), Subject: s.cfg.AppID,
		Waits: []time.Duration{s.cfg.Delays.Retry, s.cfg.Delays.Retry},
		Acked: func(status int, body []byte) bool {
			answer := strings.TrimSpace(string(body))
			return status == http.StatusOK && (answer == "" || strings.EqualFold(answer, "success"))
		},
		Build: func(ctx context.Context, now time.Time) (*http.Request, error) {
			if err := s.journal.Wait(p.ticket); err != nil {
				return nil, err
			}
			return s.push(ctx, p, s.cfg.Token, now)
		},
		Forge: func(ctx context.Context, now time.Time) (*http.Request, error) {
			forged := p
			forged.Status, forged.Time, forged.PayFailReason = Paid, now, ""
			return s.push(ctx, forged, "forged", now)
		},
		Record: func(attempt int, result string) {
			if _, err := s.journal.Enqueue(callback.Line{Op: "callback", ID: id, Attempt: attempt, Result: result}); err != nil {
				s.cfg.Logger.Error("sandbox: event not recorded", "id", id, "error", err)
			}
		},
	}
}

func (s *Service) push(ctx context.Context, p Policy, token string, now time.Time) (*http.Request, error) {
	target := s.CallbackTarget()
	if target.URL == "" {
		return nil, errNoCallback
	}
	u, err := url.Parse(target.URL)
	if err != nil {
		return nil, err
	}
	timestamp, nonce := strconv.FormatInt(now.Unix(), 10), rand.Text()
	query := u.Query()
	for k, v := range map[string]string{
		"signature": Sign(token, timestamp, nonce), "timestamp": timestamp, "nonce": nonce, "openid": p.OpenID,
	} {
		query.Set(k, v)
	}
	u.RawQuery = query.Encode()
	body, kind, err := encode(target.Format, message{
		ToUserName: "gh_" + s.cfg.AppID, FromUserName: p.OpenID, CreateTime: now.Unix(),
		MsgType: "event", Event: "wxainsurance_claim_result",
		UploadEvent: uploadEvent{OrderNo: p.OrderNo, Status: p.Status, FinishTime: p.Time.Unix(), PayFailReason: p.PayFailReason},
	})
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", kind)
	return req, nil
}

func encode(format string, m message) (body []byte, kind string, err error) {
	switch format {
	case "", "json":
		body, err = json.Marshal(m)
		return body, "application/json", err
	case "xml":
		body, err = xml.Marshal(m)
		return body, "text/xml", err
	}
	return nil, "", fmt.Errorf("insurer: format %q is neither json nor xml", format)
}

// Sign is the check of the message push: the SHA-1 of token, timestamp and
// nonce, sorted and joined.
func Sign(token, timestamp, nonce string) string {
	parts := []string{token, timestamp, nonce}
	slices.Sort(parts)
	sum := sha1.Sum([]byte(strings.Join(parts, "")))
	return hex.EncodeToString(sum[:])
}
