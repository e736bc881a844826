package sandbox

import (
	"html/template"
	"net/http"
)

var index = template.Must(template.New("index").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sandbox</title><style>
body{font:16px/1.5 system-ui,sans-serif;max-width:48rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a;background:#fff}
td,th{text-align:left;padding:.3rem .8rem .3rem 0;vertical-align:top}a{color:#0645ad}
</style></head><body><h1>The outside world</h1>
<p>Providers that the product talks to, in their own protocols. One real second is {{.Scale}} of theirs.
{{.Pending}} things are waiting for their time.</p>
<table><thead><tr><th>System</th><th>Base URL for the product</th></tr></thead><tbody>
<tr><td>WeChat Pay v3, refunds</td><td>{{.URL}}{{.WechatPay}}</td></tr>
<tr><td>kuaidi100, pickups and tracking</td><td>{{.URL}}{{.Kuaidi100}}</td></tr>
<tr><td>WeChat freight insurance (无忧退货)</td><td>{{.URL}}{{.Weixin}}</td></tr>
<tr><td>Mail</td><td>smtp://{{.SMTP}}</td></tr>
</tbody></table>
<ul><li><a href="{{.Mail}}">The mail that buyers got</a></li>
<li><a href="{{.Control}}/rules">Rules in force</a></li><li><a href="{{.Control}}/clock">Clock</a></li></ul>
</body></html>
`))

func (s *Sandbox) serveIndex(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	err := index.Execute(w, map[string]any{
		"Scale": s.clock.Scale(), "Pending": s.clock.Pending(), "URL": s.URL(), "SMTP": s.SMTPAddr(),
		"WechatPay": WechatPayPrefix, "Kuaidi100": Kuaidi100Prefix, "Weixin": WeixinPrefix,
		"Mail": MailPrefix, "Control": ControlPrefix,
	})
	if err != nil {
		s.logger.Warn("sandbox: index page", "error", err)
	}
}
