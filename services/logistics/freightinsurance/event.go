package freightinsurance

import (
	"bytes"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ErrForged says that a message push is not signed with our token.
var ErrForged = errors.New("message push is not signed with our token")

// ErrMalformed says that a message push is not what the insurer sends.
var ErrMalformed = errors.New("message push is malformed")

// What the insurer expects as an answer.
const (
	AnswerType   = "text/plain; charset=utf-8"
	Acknowledged = "success"
)

// Event is the news that a claim was decided. The signature of a message push covers a time and a
// random number but not the content, so that an event says where to look and nothing more.
type Event struct {
	// PaymentReference is empty if the message is about something else.
	PaymentReference string
	// Paid tells a payout from a failure.
	Paid bool
}

// claimResult is the name of the event (理赔结果推送).
const claimResult = "wxainsurance_claim_result"

// ParseEvent verifies the query of a message push and reads its body, XML or JSON as the mini
// program's console says, in plain mode. A message of another kind is no error: it is to be
// acknowledged and forgotten.
func (c *Client) ParseEvent(query string, body []byte) (Event, error) {
	values, err := url.ParseQuery(query)
	if err != nil || !c.signed(values) {
		return Event{}, ErrForged
	}
	m, err := parseMessage(body)
	if err != nil {
		return Event{}, ErrMalformed
	}
	if m.Event != claimResult {
		return Event{}, nil
	}
	if m.Upload.OrderNo == "" || len(m.Upload.OrderNo) > 64 || (m.Upload.Status != 5 && m.Upload.Status != 6) {
		return Event{}, ErrMalformed
	}
	return Event{PaymentReference: m.Upload.OrderNo, Paid: m.Upload.Status == 5}, nil
}

// tolerance is how far the timestamp of a message may be from our clock. An old message is no longer worth looking
// for, and a query that somebody found in a log is not good for ever.
const tolerance = 5 * time.Minute

// signed compares the signature in constant time: SHA-1 of token, timestamp and nonce in
// alphabetical order. Without a token nothing is believed.
func (c *Client) signed(query url.Values) bool {
	if c.cfg.CallbackToken == "" {
		return false
	}
	seconds, err := strconv.ParseInt(query.Get("timestamp"), 10, 64)
	if err != nil || c.now().Sub(time.Unix(seconds, 0)).Abs() >= tolerance {
		return false
	}
	parts := []string{string(c.cfg.CallbackToken), query.Get("timestamp"), query.Get("nonce")}
	slices.Sort(parts)
	sum := sha1.Sum([]byte(strings.Join(parts, "")))
	want := hex.EncodeToString(sum[:])
	return subtle.ConstantTimeCompare([]byte(want), []byte(strings.ToLower(query.Get("signature")))) == 1
}

type message struct {
	XMLName xml.Name `xml:"xml" json:"-"`
	Event   string   `xml:"Event" json:"Event"`
	Upload  upload   `xml:"upload_event" json:"upload_event"`
}

type upload struct {
	OrderNo string `xml:"OrderNo" json:"OrderNo"`
	Status  int    `xml:"Status" json:"Status"`
}

func parseMessage(body []byte) (message, error) {
	var m message
	if trimmed := bytes.TrimSpace(body); len(trimmed) > 0 && trimmed[0] == '{' {
		return m, json.Unmarshal(trimmed, &m)
	}
	decoder := xml.NewDecoder(bytes.NewReader(body))
	decoder.CharsetReader = func(string, io.Reader) (io.Reader, error) { return nil, ErrMalformed }
	return m, decoder.Decode(&m)
}
