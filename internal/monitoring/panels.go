package monitoring

// row is a group of panels about one part of the program.
type row struct {
	title  string
	panels []panel
}

// panel is one graph, or with stat one figure.
type panel struct {
	title   string
	means   string // what to read from it
	unit    string // Grafana's name of it
	stat    bool
	queries []query
}

type query struct {
	expr   string
	legend string
}

// only narrows series to what the dashboard's variables choose.
const only = `{job=~"$job",instance=~"$instance"}`

// which does so together with other matchers.
func which(matchers string) string { return `{job=~"$job",instance=~"$instance",` + matchers + `}` }

func perSecond(metric, selector, by string) string {
	return "sum by (" + by + ") (rate(" + metric + selector + "[$__rate_interval]))"
}

func quantile(q, metric, selector, by string) string {
	if by != "" {
		by = ", " + by
	}
	return "histogram_quantile(" + q + ", sum by (le" + by + ") (rate(" + metric + "_bucket" + selector + "[$__rate_interval])))"
}

// spread are the middle and the slow end of a histogram.
func spread(metric string) []query {
	return []query{{quantile("0.5", metric, only, ""), "median"}, {quantile("0.99", metric, only, ""), "99 %"}}
}

var rows = []row{
	{"Calls", []panel{
		{title: "Answered", means: "Calls a second, by rpc. Items of batches are apart.", unit: "reqps",
			queries: []query{{perSecond("stockhold_rpc_calls_total", only, "rpc"), "{{rpc}}"}}},
		{title: "Refused", means: "Calls a second that were refused, by reason. INSUFFICIENT_STOCK is the business of the thing; OVERLOADED, UNAVAILABLE and INTERNAL are trouble.", unit: "reqps",
			queries: []query{{perSecond("stockhold_rpc_calls_total", which(`reason!=""`), "reason"), "{{reason}}"}}},
		{title: "Time to answer", means: "99 % of the calls of each rpc were answered within so long.", unit: "s",
			queries: []query{{quantile("0.99", "stockhold_rpc_duration_seconds", only, "rpc"), "{{rpc}}"}}},
		{title: "Replayed", means: "Share of the calls that changed nothing because they had been answered before. It grows when callers repeat themselves: their network, or their time-outs.", unit: "percentunit",
			queries: []query{{`sum(rate(stockhold_rpc_calls_total{job=~"$job",instance=~"$instance",replayed="true"}[$__rate_interval])) / sum(rate(stockhold_rpc_calls_total` + only + `[$__rate_interval]))`, "replayed"}}},
		{title: "Late, doubled and reordered", means: "Calls that the state table caught, by kind. They are answered as docs/anomalies.md says; more than usual means that some caller is in trouble.", unit: "reqps",
			queries: []query{{perSecond("stockhold_interceptions_total", only, "kind"), "{{kind}}"}}},
		{title: "Turned away", means: "Calls refused unread: too many at once (shed), or for who made them.", unit: "reqps",
			queries: []query{{perSecond("stockhold_rpc_shed_total", only, "job"), "too many"}, {perSecond("stockhold_rpc_denied_total", only, "reason"), "{{reason}}"}}},
		{title: "Items of batches", means: "Items a second, by rpc and reason.", unit: "reqps",
			queries: []query{{perSecond("stockhold_rpc_batch_items_total", only, "rpc, reason"), "{{rpc}} {{reason}}"}}},
	}},
	{"Ledger", []panel{
		{title: "State", means: "What the ledger's database is to each server: ok, read_only or away.", unit: "none", stat: true,
			queries: []query{{"sum by (state) (stockhold_ledger_status" + only + ")", "{{state}}"}}},
		{title: "Transactions", means: "Transactions a second. Under load there are few, and large ones.", unit: "ops",
			queries: []query{{perSecond("stockhold_ledger_batch_size_count", only, "instance"), "{{instance}}"}}},
		{title: "Operations in one", means: "How many calls share a transaction.", unit: "none", queries: spread("stockhold_ledger_batch_size")},
		{title: "Duration of a transaction", means: "From BEGIN to the reply to COMMIT.", unit: "s", queries: spread("stockhold_ledger_batch_duration_seconds")},
		{title: "Of that, COMMIT", means: "The part that waits for the disk, and for a replica where MySQL waits for one.", unit: "s", queries: spread("stockhold_ledger_commit_duration_seconds")},
		{title: "Wait in the queue", means: "How long the oldest call of a transaction had waited for it.", unit: "s", queries: spread("stockhold_ledger_queue_wait_seconds")},
		{title: "Queue", means: "Lines that wait, as a share of those that may.", unit: "percentunit",
			queries: []query{{"stockhold_ledger_queue_depth" + only + " / stockhold_ledger_queue_limit" + only, "{{instance}}"}}},
		{title: "Run again", means: "Transactions that were run again, split or given up, by cause. Some conflicts are normal: with several servers, and when a Try comes again.", unit: "ops",
			queries: []query{{perSecond("stockhold_ledger_retries_total", only, "cause"), "{{cause}}"}}},
		{title: "Overloaded", means: "Calls that were refused before they were begun, by cause.", unit: "reqps",
			queries: []query{{perSecond("stockhold_overloads_total", only, "cause"), "{{cause}}"}}},
	}},
	{"Gate", []panel{
		{title: "What the gate says", means: "Holds a second that the gate was asked for, by what it said. not_loaded and away go to the ledger; insufficient is looked up there before anybody hears of it.", unit: "ops",
			queries: []query{{perSecond("stockhold_gate_freezes_total", only, "outcome"), "{{outcome}}"}}},
		{title: "Not as the ledger", means: "Holds that the gate let through and the ledger refused (wrong), and the other way round (overturned). Both cost time only.", unit: "ops",
			queries: []query{{perSecond("stockhold_gate_wrong_total", only, "job"), "wrong"}, {perSecond("stockhold_gate_overturned_total", only, "job"), "overturned"}}},
		{title: "Round trips", means: "99 % of the runs of each script took no longer.", unit: "s",
			queries: []query{{quantile("0.99", "stockhold_gate_script_duration_seconds", only, "script"), "{{script}}"}}},
		{title: "Degraded", means: "Share of the time in which Trys went to the ledger alone.", unit: "percentunit",
			queries: []query{{"rate(stockhold_gate_degraded_seconds_total" + only + "[$__rate_interval])", "{{instance}}"}}},
		{title: "Breaker", means: "0 closed, 1 trying again, 2 open: Redis is not asked.", unit: "none", stat: true,
			queries: []query{{"stockhold_gate_breaker" + only, "{{instance}}"}}},
		{title: "Went past the gate", means: "Trys a second that the ledger decided alone because the gate was away.", unit: "ops",
			queries: []query{{perSecond("stockhold_gate_skipped_total", only, "instance"), "{{instance}}"}}},
		{title: "Errors", means: "Calls of the gate without a usable answer, and settlements that it did not take.", unit: "ops",
			queries: []query{{perSecond("stockhold_gate_errors_total", only, "call, kind"), "{{call}}: {{kind}}"}, {perSecond("stockhold_gate_settle_failed_total", only, "job"), "settlements"}}},
		{title: "Drift found", means: "Rows of the gate that differ from the ledger. behind is normal under load; the others mean that one of the stores lost something.", unit: "ops",
			queries: []query{{perSecond("stockhold_gate_drift_found_total", only, "kind"), "{{kind}}"}}},
		{title: "Drift repaired", means: "Of these, what the sweeper put right, and rows dropped.", unit: "ops",
			queries: []query{{perSecond("stockhold_gate_drift_repaired_total", only, "kind"), "{{kind}}"}, {perSecond("stockhold_gate_dropped_total", only, "job"), "dropped"}}},
	}},
	{"Sweeper", []panel{
		{title: "Oldest undecided", means: "How long the oldest hold that is still held is past its expiry.", unit: "s", stat: true,
			queries: []query{{"max(stockhold_undecided_oldest_seconds" + only + ")", "oldest"}}},
		{title: "Undecided", means: "Holds past their expiry and still held; of these, asked about without a decision, and parked.", unit: "none",
			queries: []query{{"max(stockhold_undecided_overdue" + only + ")", "overdue"}, {"max(stockhold_undecided_asked" + only + ")", "asked"}, {"max(stockhold_undecided_parked" + only + ")", "parked"}}},
		{title: "Results", means: "What passes do, by the figures of their report.", unit: "ops",
			queries: []query{{perSecond("stockhold_sweeper_results_total", which(`result!="passes"`), "result"), "{{result}}"}}},
		{title: "Passes", means: "How long they take.", unit: "s", queries: spread("stockhold_sweeper_pass_duration_seconds")},
		{title: "Stock below zero", means: "Rows whose on_hand or available a recount, or goods shipped beyond what was counted, took below zero.", unit: "none", stat: true,
			queries: []query{{"max(stockhold_stock_negative" + only + ")", "rows"}}},
	}},
	{"Deciders", []panel{
		{title: "Time to decide", means: "99 % of the requests to each owner's decider took no longer.", unit: "s",
			queries: []query{{quantile("0.99", "stockhold_sweeper_decider_duration_seconds", only, "owner"), "{{owner}}"}}},
		{title: "Requests", means: "Requests a second, by owner and outcome.", unit: "reqps",
			queries: []query{{perSecond("stockhold_sweeper_decider_duration_seconds_count", only, "owner, outcome"), "{{owner}}: {{outcome}}"}}},
		{title: "Breakers", means: "0 closed, 1 trying again, 2 open: that owner is not asked.", unit: "none", stat: true,
			queries: []query{{"max by (owner) (stockhold_sweeper_decider_breaker" + only + ")", "{{owner}}"}}},
		{title: "Contradictions", means: "Decisions that contradict what already happened, in an hour. Each is a defect of that owner, and perhaps an order without goods.", unit: "none",
			queries: []query{{"sum by (owner, verdict) (increase(stockhold_sweeper_contradictions_total" + only + "[1h]))", "{{owner}}: {{verdict}}"}}},
		{title: "Answers that do not fit", means: "Decisions about what was not asked, twice about the same, or with a verdict that there is not.", unit: "ops",
			queries: []query{{perSecond("stockhold_sweeper_decider_misfits_total", only, "owner, kind"), "{{owner}}: {{kind}}"}}},
	}},
	{"Stores and process", []panel{
		{title: "Connections", means: "Connections of each pool that are in use, as a share of those that may be open.", unit: "percentunit",
			queries: []query{{`sum by (instance, db_client_connection_pool_name) (db_client_connection_count` + which(`db_client_connection_state="used"`) + `) / sum by (instance, db_client_connection_pool_name) (db_client_connection_max` + only + `)`, "{{instance}} {{db_client_connection_pool_name}}"}}},
		{title: "Waiting for a connection", means: "Seconds a second that statements and commands wait for one of the pool, all together.", unit: "none",
			queries: []query{{perSecond("stockhold_store_pool_wait_time_seconds_total", only, "db_client_connection_pool_name"), "{{db_client_connection_pool_name}}"}}},
		{title: "Waits", means: "How many do, and how many of the gate's in vain.", unit: "ops",
			queries: []query{{perSecond("stockhold_store_pool_waits_total", only, "db_client_connection_pool_name"), "{{db_client_connection_pool_name}}"}, {perSecond("db_client_connection_timeouts_total", only, "db_client_connection_pool_name"), "in vain: {{db_client_connection_pool_name}}"}}},
		{title: "Settings that weaken a store", means: "Warned of at the start, and looked at once a minute. The log names them.", unit: "none", stat: true,
			queries: []query{{"max by (store) (stockhold_store_warnings" + only + ")", "{{store}}"}}},
		{title: "Processor", means: "Cores in use.", unit: "none", queries: []query{{"rate(process_cpu_seconds_total" + only + "[$__rate_interval])", "{{instance}}"}}},
		{title: "Memory", means: "Resident memory.", unit: "bytes", queries: []query{{"process_resident_memory_bytes" + only, "{{instance}}"}}},
		{title: "Goroutines", means: "They grow with calls under way, and go again.", unit: "none", queries: []query{{"go_goroutines" + only, "{{instance}}"}}},
		{title: "Log lines dropped", means: "Lines about changes of state that whatever reads the log did not take in time.", unit: "ops",
			queries: []query{{perSecond("stockhold_log_dropped_total", only, "instance"), "{{instance}}"}}},
		{title: "Reloads", means: "Configurations read again in an hour, by outcome.", unit: "none",
			queries: []query{{"sum by (outcome) (increase(stockhold_config_reloads_total" + only + "[1h]))", "{{outcome}}"}}},
		{title: "Versions", means: "What runs, and how often.", unit: "none", stat: true,
			queries: []query{{"count by (version, revision) (stockhold_build_info" + only + ")", "{{version}} {{revision}}"}}},
	}},
}
