package domain

// Reason is why the buyer asks, a code of the published taxonomy.
type Reason string

// ReasonGroup gathers the reasons that share windows, liability and freight.
type ReasonGroup string

// The groups of the taxonomy.
const (
	NoReason    ReasonGroup = "no_reason"
	Quality     ReasonGroup = "quality"
	Mismatch    ReasonGroup = "mismatch"
	Fulfilment  ReasonGroup = "fulfilment"
	Logistics   ReasonGroup = "logistics"
	Counterfeit ReasonGroup = "counterfeit"
	Service     ReasonGroup = "service"
	Payment     ReasonGroup = "payment"
	Other       ReasonGroup = "other"
)

// Party is who answers for the reason, before anybody contests it.
type Party string

// The parties of the liability matrix.
const (
	Buyer     Party = "buyer"
	Merchant  Party = "merchant"
	Carrier   Party = "carrier"
	Platform  Party = "platform"
	Undecided Party = "undecided"
)

// Name is what people call a code.
type Name struct {
	English, Chinese string
}

// GroupInfo describes a reason group.
type GroupInfo struct {
	Name Name
	// Liable is the default liable party of the published matrix.
	Liable Party
}

// ReasonInfo describes a reason.
type ReasonInfo struct {
	Name  Name
	Group ReasonGroup
}

var groups = map[ReasonGroup]GroupInfo{
	NoReason:    {Name{"No reason", "七天无理由"}, Buyer},
	Quality:     {Name{"Quality", "质量问题"}, Merchant},
	Mismatch:    {Name{"Not as described", "描述不符"}, Merchant},
	Fulfilment:  {Name{"Dispatch", "发货问题"}, Merchant},
	Logistics:   {Name{"Transport", "物流问题"}, Carrier},
	Counterfeit: {Name{"Counterfeit", "假冒"}, Merchant},
	Service:     {Name{"Service", "服务问题"}, Merchant},
	Payment:     {Name{"Payment", "支付问题"}, Platform},
	Other:       {Name{"Other", "其他"}, Undecided},
}

var reasons = map[Reason]ReasonInfo{
	"no_longer_wanted":      {Name{"No longer wanted", "不想要了"}, NoReason},
	"bought_wrong":          {Name{"Bought by mistake or too many", "拍错/多拍"}, NoReason},
	"size_color_dislike":    {Name{"Size or colour does not please", "尺码颜色不喜欢"}, NoReason},
	"better_price":          {Name{"Found a better price", "有更优惠"}, NoReason},
	"accidental_order":      {Name{"Ordered accidentally", "误下单"}, NoReason},
	"defective":             {Name{"Does not work", "功能故障"}, Quality},
	"workmanship":           {Name{"Poor workmanship", "做工瑕疵"}, Quality},
	"expired_goods":         {Name{"Expired, or near expiry unannounced", "过期/临期未明示"}, Quality},
	"allergy":               {Name{"Allergic reaction", "过敏"}, Quality},
	"defect_in_warranty":    {Name{"Defect inside the warranty", "质保期内故障"}, Quality},
	"fresh_rotten":          {Name{"Rotten or spoiled", "腐烂变质"}, Quality},
	"material_mismatch":     {Name{"Material not as described", "材质不符"}, Mismatch},
	"size_mismatch":         {Name{"Size not as described", "尺寸规格不符"}, Mismatch},
	"function_mismatch":     {Name{"Function not as described", "功能不符"}, Mismatch},
	"date_mismatch":         {Name{"Production date not as described", "生产日期不符"}, Mismatch},
	"appearance_mismatch":   {Name{"Appearance not as described", "外观不一致"}, Mismatch},
	"wrong_item":            {Name{"Wrong item sent", "发错货"}, Fulfilment},
	"missing_item":          {Name{"Item missing", "少件"}, Fulfilment},
	"missing_part":          {Name{"Part or gift missing", "缺配件/赠品"}, Fulfilment},
	"late_dispatch":         {Name{"Dispatched late", "延迟发货"}, Fulfilment},
	"not_dispatched":        {Name{"Not dispatched", "未发货"}, Fulfilment},
	"out_of_stock":          {Name{"Out of stock", "缺货"}, Fulfilment},
	"damaged_in_transit":    {Name{"Damaged in transit", "运输破损"}, Logistics},
	"lost":                  {Name{"Lost parcel", "丢件"}, Logistics},
	"no_trace":              {Name{"No tracking events", "无物流轨迹"}, Logistics},
	"not_received":          {Name{"Shown as signed, not received", "显示签收未收到"}, Logistics},
	"late_delivery":         {Name{"Delivered later than promised", "超承诺时效"}, Logistics},
	"refused_delivery":      {Name{"Delivery refused", "拒收"}, Logistics},
	"fake":                  {Name{"Fake goods", "假货"}, Counterfeit},
	"parallel_import":       {Name{"Origin unknown", "来源不明"}, Counterfeit},
	"second_hand":           {Name{"Used goods sold as new", "二手充新"}, Counterfeit},
	"promise_broken":        {Name{"Promise not kept", "承诺未兑现"}, Service},
	"invoice":               {Name{"Invoice", "发票问题"}, Service},
	"attitude":              {Name{"Attitude of staff", "服务态度"}, Service},
	"installation":          {Name{"Installation", "安装问题"}, Service},
	"unauthorized_purchase": {Name{"Not bought by the holder", "非本人购买"}, Payment},
	"duplicate_payment":     {Name{"Paid twice", "重复付款"}, Payment},
	"price_drop":            {Name{"Price protection", "价保"}, Payment},
	"other":                 {Name{"Other", "其他"}, Other},
}

// Info describes the reason; false means that the taxonomy does not have it.
func (r Reason) Info() (ReasonInfo, bool) {
	info, known := reasons[r]
	return info, known
}

// Info describes the group; false means that the taxonomy does not have it.
func (g ReasonGroup) Info() (GroupInfo, bool) {
	info, known := groups[g]
	return info, known
}
