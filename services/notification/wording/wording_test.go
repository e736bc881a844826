package wording

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"aftercare.dev/services/notification/domain"
)

func book(t *testing.T) *Book {
	t.Helper()
	b, err := New()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func event(t *testing.T, eventType string, data map[string]any) domain.Event {
	t.Helper()
	e, err := domain.NewEvent(domain.Event{
		MerchantID: "m1", EventID: "evt_1", Type: eventType, CaseID: "case_1", OrderID: "order_1", BuyerID: "buyer_1",
		Number: 1, OccurredAt: time.Unix(1_700_000_000, 0), Audience: domain.AudienceEveryone,
	}, data)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestEveryTypeOfEventHasATextOfItsOwnInBothLanguages(t *testing.T) {
	b := book(t)
	for i, tag := range b.tags {
		for _, eventType := range domain.Types() {
			if _, ok := b.texts[i][eventType]; !ok {
				t.Errorf("%s: no text for %s", tag, eventType)
			}
			for name, data := range map[string]map[string]any{
				"bare": nil,
				"full": {"amount": map[string]any{"amount": 1999, "currency": "CNY"}, "tracking_number": "SF123", "endpoint_id": "whe_1", "host": "shop.example", "reason": "gone"},
				"odd":  {"amount": "much", "tracking_number": 7, "host": []string{"x"}},
			} {
				if eventType == domain.TypeWebhookDisabled && name != "full" {
					continue // made by this service alone, always with its data
				}
				text, err := b.Event(event(t, eventType, data), tag.String())
				if err != nil {
					t.Errorf("%s: %s, %s data: %v", tag, eventType, name, err)
				}
				if text.Title == "" || text.Body == "" || strings.Contains(text.Body, "  ") || strings.Contains(text.Body, "<no value>") {
					t.Errorf("%s: %s, %s data: %q", tag, eventType, name, text)
				}
			}
		}
	}
}

func TestNoTextIsForATypeThatDoesNotExist(t *testing.T) {
	b := book(t)
	known := map[string]bool{fallbackKey: true, emailKey: true}
	for _, eventType := range domain.Types() {
		known[eventType] = true
	}
	for i, tag := range b.tags {
		for key := range b.texts[i] {
			if !known[key] {
				t.Errorf("%s: %q is no type of event", tag, key)
			}
		}
	}
}

func TestAnUnknownTypeIsToldInAPlainSentence(t *testing.T) {
	text, err := book(t).Event(event(t, "weather.changed", nil), "en")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text.Body, "case_1") || strings.Contains(text.Body, "weather") {
		t.Errorf("the fallback reads %q", text.Body)
	}
}

func TestTheReaderGetsTheLanguageAskedForAndChineseOtherwise(t *testing.T) {
	b := book(t)
	for header, want := range map[string]string{
		"": "zh-CN", "zh-CN": "zh-CN", "zh": "zh-CN", "en": "en", "en-GB,en;q=0.9": "en",
		"de, en;q=0.5": "en", "%%%": "zh-CN",
	} {
		if got := b.Language(header); got != want {
			t.Errorf("%q gets %s, want %s", header, got, want)
		}
	}
}

func TestAmountsHaveTheDecimalsOfTheirCurrency(t *testing.T) {
	b := book(t)
	for _, c := range []struct {
		amount   int64
		currency string
		language string
		want     string
	}{
		{1999, "CNY", "zh-CN", "¥19.99"},
		{1999, "CNY", "en", "CNY 19.99"},
		{5, "USD", "zh-CN", "USD 0.05"},
		{1200, "JPY", "en", "JPY 1200"},
		{1234, "KWD", "en", "KWD 1.234"},
		{100, "XQQ", "en", "XQQ 1.00"},
		{0, "CNY", "en", "CNY 0.00"},
	} {
		text, err := b.Event(event(t, "refund.succeeded", map[string]any{"amount": map[string]any{"amount": c.amount, "currency": c.currency}}), c.language)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(text.Body, c.want+" ") {
			t.Errorf("%d %s in %s reads %q", c.amount, c.currency, c.language, text.Body)
		}
	}
}

func TestTheBuyerIsToldWhyACaseIsOpenAgain(t *testing.T) {
	b := book(t)
	late, err := b.Event(event(t, "case.reopened", map[string]any{"reason": "late_news"}), "en")
	if err != nil || !strings.Contains(late.Body, "At the last moment there was news about request case_1") {
		t.Errorf("%+v, %v", late, err)
	}
	for reason, want := range map[string][2]string{
		"refund_returned":  {"The refund of CNY 19.99 for request case_1 came back", "退款 ¥19.99 已被退回"},
		"refunded_outside": {"For order order_1 money (CNY 19.99) was refunded that does not belong to request case_1", "有一笔退款 ¥19.99 不属于售后申请 case_1"},
		"refund_differs":   {"is not what we have on record", "与支付渠道的记录不一致"},
	} {
		for i, tag := range []string{"en", "zh-CN"} {
			for _, kind := range []string{"case.reopened", "refund.differs"} {
				text, err := b.Event(event(t, kind, map[string]any{
					"reason": reason, "amount": map[string]any{"amount": 1999, "currency": "CNY"},
				}), tag)
				if err != nil {
					t.Fatal(err)
				}
				if !strings.Contains(text.Body, want[i]) {
					t.Errorf("%s for %s in %s reads %q", kind, reason, tag, text.Body)
				}
			}
		}
	}
}

func TestAnEmailGreetsByNameAndNamesTheCaseInItsSubject(t *testing.T) {
	text, err := book(t).Email(event(t, "case.approved", nil), "Zhang\r\nSan", "en")
	if err != nil {
		t.Fatal(err)
	}
	if text.Title != "[case_1] Request approved" {
		t.Errorf("subject %q", text.Title)
	}
	if !strings.HasPrefix(text.Body, "Hello Zhang San,\n") {
		t.Errorf("body %q", text.Body)
	}
}

func TestBothFilesHaveTheSameKeys(t *testing.T) {
	keys := func(file string) map[string]json.RawMessage {
		data, err := files.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var m map[string]json.RawMessage
		if err := json.Unmarshal(data, &m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	en, zh := keys("en.json"), keys("zh-CN.json")
	for key := range en {
		if _, ok := zh[key]; !ok {
			t.Errorf("zh-CN.json lacks %s", key)
		}
	}
	if len(en) != len(zh) {
		t.Errorf("en.json has %d keys, zh-CN.json %d", len(en), len(zh))
	}
}
