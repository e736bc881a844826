package payment_test

import (
	"crypto/rsa"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"aftercare.dev/deploy/sandbox/fault"
	"aftercare.dev/deploy/sandbox/internal/lab"
	"aftercare.dev/deploy/sandbox/payment"
	"aftercare.dev/services/payment/domain"
	"aftercare.dev/services/payment/wechatpay"
)

// adapter is the product's own client of the bank.
func (b *bank) adapter() *wechatpay.Client {
	b.t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { b.mux.ServeHTTP(w, r) }))
	b.t.Cleanup(server.Close)
	client, err := wechatpay.New(wechatpay.Options{
		BaseURL: server.URL + "/wechatpay", MerchantID: mchID, MerchantSerial: serial, PrivateKey: merchantKey(),
		PlatformKeys:   map[string]*rsa.PublicKey{"PUB_KEY_ID_01": &platformKey().PublicKey},
		PlatformSerial: "PUB_KEY_ID_01", APIv3Key: []byte(apiKey), NotifyURL: b.Product.URL + "/notify",
		Timeout: 5 * time.Second, Now: func() time.Time { return b.Clock.Now() },
	})
	require.NoError(b.t, err)
	return client
}

func (b *bank) today() string {
	return b.Clock.Now().In(time.FixedZone("", 8*60*60)).Format(time.DateOnly)
}

func TestTheBillOfADayHasTheRefundsThatSucceededOnIt(t *testing.T) {
	b := newBank(t)
	client, day := b.adapter(), b.today()
	bill, err := client.Bill(t.Context(), day)
	require.NoError(t, err)
	require.Empty(t, bill)

	b.post(path, b.order("r1", "t1", 1999, 5000))
	b.post(path, b.order("r2", "t2", 1, 5000))
	b.Rule(t, fault.Rule{System: "payment", Effect: fault.Outcome, Outcome: "CLOSED"})
	b.post(path, b.order("r3", "t3", 7, 5000))
	e := b.envelope(http.MethodPost, path, b.order("r4", "t4", 7, 5000))
	e.mchID, e.serial, e.key = "1900000117", "OTHER", otherKey()
	b.send(e)
	bill, err = client.Bill(t.Context(), day)
	require.NoError(t, err)
	require.Empty(t, bill, "what is being processed is in no bill")
	b.Clock.Advance(5 * time.Minute)

	day = b.today()
	for range 2 {
		bill, err = client.Bill(t.Context(), day)
		require.NoError(t, err)
		require.Len(t, bill, 2)
		numbers := []string{bill[0].RefundNumber, bill[1].RefundNumber}
		require.ElementsMatch(t, []string{"r1", "r2"}, numbers)
		held, err := client.Query(t.Context(), bill[0].RefundNumber)
		require.NoError(t, err)
		require.Equal(t, held, bill[0], "the bill says what a query says")
		b.restart(time.Second)
	}

	b.Clock.Advance(24 * time.Hour)
	bill, err = client.Bill(t.Context(), b.today())
	require.NoError(t, err)
	require.Empty(t, bill)
	b.Clock.Advance(24 * time.Hour)
	for _, none := range []string{"2026", "1999-01-01", "2999-01-01"} {
		_, err = client.Bill(t.Context(), none)
		require.ErrorIs(t, err, domain.ErrNoBill, none)
	}
}

func TestARefundMadeOutsideIsInTheBillAndTellsNobody(t *testing.T) {
	b := newBank(t)
	client := b.adapter()
	b.post(path, b.order("r1", "t1", 100, 1000))
	made, err := b.service.RefundOutside(payment.Outside{MchID: mchID, OutTradeNo: "t1", Amount: 900})
	require.NoError(t, err)
	require.Equal(t, int64(1000), made.Total)
	require.Empty(t, b.Product.Take())

	bill, err := client.Bill(t.Context(), b.today())
	require.NoError(t, err)
	require.Len(t, bill, 1)
	require.Equal(t, made.OutRefundNo, bill[0].RefundNumber)
	require.Equal(t, int64(900), bill[0].Amount)
	held, err := client.Query(t.Context(), made.OutRefundNo)
	require.NoError(t, err)
	require.Equal(t, domain.ProviderSucceeded, held.Status)

	earlier := b.Clock.Now().Add(-24 * time.Hour)
	_, err = b.service.RefundOutside(payment.Outside{MchID: mchID, OutTradeNo: "t2", Amount: 5, Total: 5, SuccessTime: earlier})
	require.NoError(t, err)
	bill, err = client.Bill(t.Context(), earlier.In(time.FixedZone("", 8*60*60)).Format(time.DateOnly))
	require.NoError(t, err)
	require.Len(t, bill, 1, "one that was made on an earlier day is in the bill of that day")
	require.Equal(t, int64(5), bill[0].Amount)

	_, err = b.service.RefundOutside(payment.Outside{MchID: mchID, OutTradeNo: "t1", Amount: 1})
	require.ErrorIs(t, err, payment.ErrRefused, "it holds the limits of its order")
	_, err = b.service.RefundOutside(payment.Outside{OutTradeNo: "t9", Amount: 1, Total: 1})
	require.ErrorIs(t, err, payment.ErrRefused, "there are two merchants")
}

func TestASuccessIsTakenBackAndNotified(t *testing.T) {
	b := newBank(t)
	client := b.adapter()
	b.post(path, b.order("r1", "t1", 100, 1000))
	_, err := b.service.Return(mchID, "r1")
	require.ErrorIs(t, err, payment.ErrNotPaid)
	_, err = b.service.Return(mchID, "r2")
	require.ErrorIs(t, err, payment.ErrUnknownRefund)
	b.Clock.Advance(5 * time.Minute)
	require.Len(t, b.Product.Take(), 1)
	day := b.today()

	_, err = b.service.Return(mchID, "r1")
	require.NoError(t, err)
	require.Equal(t, "ABNORMAL", b.status("r1"))
	told := b.settled()
	require.Len(t, told, 1)
	event, refund := opened(t, told[0])
	require.Equal(t, "REFUND.ABNORMAL", event)
	require.Equal(t, "r1", refund["out_refund_no"])

	_, err = b.service.Return(mchID, "r1")
	require.NoError(t, err)
	told = b.settled()
	require.Len(t, told, 1, "whoever missed it is told once more")
	event, _ = opened(t, told[0])
	require.Equal(t, "REFUND.ABNORMAL", event)
	held, err := client.Query(t.Context(), "r1")
	require.NoError(t, err)
	require.Zero(t, held.SucceededAt)

	bill, err := client.Bill(t.Context(), day)
	require.NoError(t, err)
	require.Len(t, bill, 1, "a bill is not made again")
}

// settled are the notifications that came once all that is due has happened.
func (b *bank) settled() []lab.Received {
	b.Clock.Advance(time.Second)
	return b.Product.Take()
}

func TestARuleTakesASuccessBackDaysLaterAlsoAfterARestart(t *testing.T) {
	for name, downtime := range map[string]time.Duration{"running": 0, "restarted": time.Hour} {
		t.Run(name, func(t *testing.T) {
			b := newBank(t)
			b.Rule(t, fault.Rule{System: "payment", Operation: "refund", Effect: fault.Outcome, Outcome: "RETURNED"})
			b.post(path, b.order("r1", "t1", 100, 1000))
			b.Clock.Advance(5 * time.Minute)
			require.Equal(t, "SUCCESS", b.status("r1"))
			if downtime > 0 {
				b.restart(downtime)
			}
			b.Clock.Advance(72*time.Hour - downtime - time.Second)
			require.Equal(t, "SUCCESS", b.status("r1"))
			b.Clock.Advance(2 * time.Second)
			require.Equal(t, "ABNORMAL", b.status("r1"))
			b.Clock.Advance(72 * time.Hour)
			require.Equal(t, "ABNORMAL", b.status("r1"))
		})
	}
}
