package sandbox

import (
	"time"
)

// Addresses say where the house and the outside world reach each other.
type Addresses struct {
	// Sandbox is the base URL of the outside world, and Mail the host and port of its mail server.
	Sandbox, Mail string
	// Gateway is the base URL where callbacks go to.
	Gateway string
}

// Environ are the variables that point the adapters of the house at the sandbox. Clocks that belong to a provider run at
// the sandbox's pace: scale is its [Config.TimeScale].
func (c *Credentials) Environ(at Addresses, scale float64) map[string]string {
	account := c.WechatPay.Merchants[0]
	scaled := func(d, least time.Duration) string {
		return max(time.Duration(float64(d)/scale), least).String()
	}
	const least = 100 * time.Millisecond
	return map[string]string{
		"WECHATPAY_BASE_URL":            at.Sandbox + WechatPayPrefix,
		"WECHATPAY_MCHID":               account.MchID,
		"WECHATPAY_MERCHANT_SERIAL":     account.SerialNo,
		"WECHATPAY_PRIVATE_KEY":         account.PrivateKeyPEM,
		"WECHATPAY_PLATFORM_SERIAL":     c.WechatPay.PlatformSerial,
		"WECHATPAY_PLATFORM_PUBLIC_KEY": c.WechatPay.PlatformPublicKeyPEM,
		"WECHATPAY_APIV3_KEY":           account.APIv3Key,
		"WECHATPAY_NOTIFY_URL":          at.Gateway + "/callbacks/wechatpay",
		"WECHATPAY_MIN_REFUND_GAP":      scaled(time.Minute, least),

		"KUAIDI100_BASE_URL": at.Sandbox + Kuaidi100Prefix,
		"KUAIDI100_KEY":      c.Kuaidi100.Key,
		"KUAIDI100_SECRET":   c.Kuaidi100.Secret,
		"KUAIDI100_CUSTOMER": c.Kuaidi100.Customer,
		"CALLBACK_BASE_URL":  at.Gateway,

		"FREIGHT_INSURANCE_BASE_URL":       at.Sandbox + WeixinPrefix,
		"FREIGHT_INSURANCE_APP_ID":         c.Weixin.AppID,
		"FREIGHT_INSURANCE_APP_SECRET":     c.Weixin.AppSecret,
		"FREIGHT_INSURANCE_CALLBACK_TOKEN": c.Weixin.Token,

		"LOGISTICS_REBOOK_AFTER":   scaled(10*time.Minute, time.Second),
		"LOGISTICS_RETRY_AFTER":    scaled(time.Minute, least),
		"LOGISTICS_QUERY_INTERVAL": scaled(30*time.Minute, least),
		"LOGISTICS_LOST_AFTER":     scaled(168*time.Hour, least),

		"NOTIFICATION_SMTP_ADDR": at.Mail,
		"NOTIFICATION_SMTP_TLS":  "none",
	}
}

// CallbackOf is where the insurer of the sandbox tells a house about claims, by the base URL of its gateway.
func CallbackOf(gateway string) string { return gateway + "/callbacks/freight-insurance" }
