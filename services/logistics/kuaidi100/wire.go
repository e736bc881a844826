package kuaidi100

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"aftercare.dev/services/logistics/domain"
)

// text is a field that kuaidi100 writes as a string in one place and as a number or a boolean in
// another.
type text string

// UnmarshalJSON takes a string, a number, a boolean or null.
func (t *text) UnmarshalJSON(data []byte) error {
	switch {
	case len(data) == 0 || bytes.Equal(data, []byte("null")):
		*t = ""
		return nil
	case data[0] == '"':
		var s string
		if err := json.Unmarshal(data, &s); err != nil {
			return err
		}
		*t = text(strings.TrimSpace(s))
		return nil
	case data[0] == '{' || data[0] == '[':
		return errors.New("expected a string or a number")
	}
	*t = text(data)
	return nil
}

// code is a number of kuaidi100, or -1 if the field is no number.
func (t text) code() int {
	n, err := strconv.Atoi(string(t))
	if err != nil {
		return -1
	}
	return n
}

// encode writes a param. Addresses hold characters such as & that the default encoder would escape;
// the signature covers the text as sent, so either would do, and plain is shorter.
func encode(param any) (string, error) {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(param); err != nil {
		return "", fmt.Errorf("encode param: %w", err)
	}
	return strings.TrimSuffix(buffer.String(), "\n"), nil
}

// answer is the frame of most answers.
type answer struct {
	Result     text            `json:"result"`
	ReturnCode text            `json:"returnCode"`
	Data       json.RawMessage `json:"data"`
}

// decode reads an answer; data, if not nil, takes the field "data" of a good one.
func decode(body []byte, data any) error {
	var a answer
	if err := json.Unmarshal(body, &a); err != nil {
		return malformed(err)
	}
	if a.Result != "true" || a.ReturnCode != "200" {
		return refusal(a.ReturnCode)
	}
	if data == nil {
		return nil
	}
	if len(a.Data) == 0 {
		return malformed(errors.New("no data"))
	}
	if err := json.Unmarshal(a.Data, data); err != nil {
		return malformed(err)
	}
	return nil
}

func malformed(err error) error {
	// The decoder's error quotes at most a character and a Go type, never the content.
	return &domain.ProviderError{Trouble: domain.Unknown, Code: "malformed", Cause: err}
}

// refusal says what a return code means for the caller (reference: 信息代码含义).
func refusal(code text) error {
	trouble := domain.Unknown // 500: an error of theirs; also how some refuse, yet nobody can tell
	switch code {
	case "400":
		trouble = domain.Refusal
	case "501":
		trouble = domain.Duplicate
	case "503", "600", "601", "700": // 700: they do not like our callback address
		trouble = domain.Misconfigured
	}
	if code == "" {
		code = "none"
	}
	return &domain.ProviderError{Trouble: trouble, Code: string(code)}
}

// parseFen reads a decimal amount of yuan, such as "12.5", without rounding: more than two decimals
// that are not zero are refused.
func parseFen(yuan string) (int64, error) {
	whole, fraction, _ := strings.Cut(strings.TrimSpace(yuan), ".")
	fraction = strings.TrimRight(fraction, "0")
	if len(fraction) > 2 || len(whole) > 9 || whole == "" {
		return 0, errors.New("not an amount of yuan")
	}
	fen, err := strconv.ParseUint(whole+(fraction + "00")[:2], 10, 63)
	if err != nil {
		return 0, errors.New("not an amount of yuan")
	}
	return int64(fen), nil
}

// parseTime reads a time of kuaidi100, which is China time without saying so; zero if it is none.
func parseTime(value string) time.Time {
	for _, layout := range []string{"2006-01-02 15:04:05", "2006-01-02 15:04"} {
		if at, err := time.ParseInLocation(layout, strings.TrimSpace(value), domain.China); err == nil {
			return at.UTC()
		}
	}
	return time.Time{}
}

// bounded refuses a report whose names are longer than any that kuaidi100 gives, so that no sender can
// fill our records.
func bounded(r domain.Report) error {
	if len(r.Order.TaskID) > 64 || len(r.Order.OrderID) > 64 || len(r.TrackingNumber) > 64 || len(r.Carrier) > 32 {
		return malformed(errors.New("a name is too long"))
	}
	return nil
}
