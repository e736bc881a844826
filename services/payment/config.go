package payment

import (
	"crypto/rsa"
	"fmt"
	"net/http"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/propagation"

	"aftercare.dev/services/payment/wechatpay"
	"aftercare.dev/services/platform/callers"
	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/database"
	"aftercare.dev/services/platform/httpclient"
)

// Config is read from the environment: PAYMENT_LISTEN, PAYMENT_DATABASE_DSN, WECHATPAY_MCHID …
type Config struct {
	// Listen is where the process takes requests; who calls [Service.Run] brings a listener.
	Listen string `env:"PAYMENT_LISTEN" envDefault:":8083" validate:"hostname_port"`
	// ServiceToken is what this process shows to others. Without Callers it is also what it asks of them; empty lets
	// everybody in.
	ServiceToken config.Secret `env:"SERVICE_TOKEN"`
	// Callers, if not empty, are those who may call, each with a token of its own.
	Callers  callers.List    `env:"SERVICE_CALLERS" form:"a comma list of name:hash, each hash the SHA-256 of that caller's token in hex"`
	Database database.Config `envPrefix:"PAYMENT_DATABASE_"`
	// Migrate brings the schema up to date at the start.
	Migrate bool `env:"PAYMENT_MIGRATE" envDefault:"true"`
	// DrainDelay is how long requests are still taken after /readyz has turned red.
	DrainDelay time.Duration `env:"PAYMENT_DRAIN_DELAY" envDefault:"0s" validate:"min=0"`

	// OrderURL is the order service.
	OrderURL string `env:"ORDER_URL" envDefault:"http://localhost:8081" validate:"http_url"`

	WeChatPay WeChatPayConfig `envPrefix:"WECHATPAY_"`
}

// WeChatPayConfig is the merchant's account with WeChat Pay.
type WeChatPayConfig struct {
	BaseURL        string        `env:"BASE_URL" envDefault:"https://api.mch.weixin.qq.com" validate:"http_url"`
	MchID          string        `env:"MCHID,required" validate:"required,max=32"`
	MerchantSerial string        `env:"MERCHANT_SERIAL,required" validate:"required,max=64"`
	PrivateKey     config.Secret `env:"PRIVATE_KEY,required" form:"the merchant's private key in PEM"`
	// PlatformSerial are the ids of the platform's keys (certificate serials or PUB_KEY_ID_…), the one
	// that answers should be signed with first. Two while the platform changes keys.
	PlatformSerial []string `env:"PLATFORM_SERIAL,required" validate:"min=1,dive,required"`
	// PlatformPublicKey has the keys in PEM, one block after another, in the order of PlatformSerial.
	PlatformPublicKey string        `env:"PLATFORM_PUBLIC_KEY,required" form:"public keys or certificates in PEM"`
	APIv3Key          config.Secret `env:"APIV3_KEY,required" form:"32 characters"`
	// NotifyURL is where WeChat Pay sends notifications: the gateway's address from outside.
	NotifyURL string `env:"NOTIFY_URL,required" validate:"http_url,max=256"`
	// MinGap is the least time between two refunds of one payment; WeChat Pay asks for a minute.
	MinGap time.Duration `env:"MIN_REFUND_GAP" envDefault:"60s" validate:"min=0,max=1h"`
	// Timeout of one call. Two happen under one lease and within one request to this service.
	Timeout time.Duration `env:"TIMEOUT" envDefault:"7s" validate:"min=100ms,max=8s"`
}

// client builds the adapter, or says in a sentence which variable is wrong.
func (c WeChatPayConfig) client(now func() time.Time) (*wechatpay.Client, error) {
	private, err := wechatpay.ParsePrivateKey([]byte(c.PrivateKey))
	if err != nil {
		return nil, wrong("PRIVATE_KEY", err.Error())
	}
	public, err := wechatpay.ParsePublicKeys([]byte(c.PlatformPublicKey))
	if err != nil {
		return nil, wrong("PLATFORM_PUBLIC_KEY", err.Error())
	}
	if len(public) != len(c.PlatformSerial) || len(public) == 0 {
		return nil, wrong("PLATFORM_PUBLIC_KEY", fmt.Sprintf("has %d keys, expected one for each of the %d ids in WECHATPAY_PLATFORM_SERIAL", len(public), len(c.PlatformSerial)))
	}
	if len(c.APIv3Key) != 32 {
		return nil, wrong("APIV3_KEY", "has another length, expected 32 characters")
	}
	keys := make(map[string]*rsa.PublicKey, len(public))
	for i, serial := range c.PlatformSerial {
		keys[serial] = public[i]
	}
	client, err := wechatpay.New(wechatpay.Options{
		BaseURL: c.BaseURL, MerchantID: c.MchID, MerchantSerial: c.MerchantSerial, PrivateKey: private,
		PlatformKeys: keys, PlatformSerial: c.PlatformSerial[0], APIv3Key: []byte(c.APIv3Key),
		NotifyURL: c.NotifyURL, Timeout: c.Timeout, Transport: traced(), Now: now,
	})
	if err != nil {
		return nil, &config.Error{Variable: "WECHATPAY_BASE_URL", Sentence: err.Error()}
	}
	return client, nil
}

// traced makes a span of each call and, unlike between our own services, tells the provider nothing of
// the trace.
func traced() http.RoundTripper {
	return otelhttp.NewTransport(httpclient.Discreet(httpclient.NewTransport()), otelhttp.WithPropagators(propagation.NewCompositeTextMapPropagator()))
}

func wrong(variable, what string) error {
	variable = "WECHATPAY_" + variable
	return &config.Error{Variable: variable, Sentence: variable + ": " + what}
}
