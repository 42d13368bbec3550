package reservation

import "stockhold/internal/crashpoint"

// reach lets a test end the program where a batch stands; see package crashpoint.
func reach(ops []*Operation, step string) {
	if !crashpoint.Enabled {
		return
	}
	for _, op := range ops {
		if who := op.crashpoint(); who != "" {
			crashpoint.Reach(who + "." + step)
		}
	}
}

func (op *Operation) crashpoint() string {
	switch {
	case op.Change != nil:
		return ""
	case op.Defer != nil, op.By == ByCheckBack, op.By == ByPolicy:
		return "sweep"
	case op.Call == Try:
		return "try"
	case op.Call == Confirm, op.Call == ConfirmAny:
		return "confirm"
	case op.Call == Cancel:
		return "cancel"
	default:
		return ""
	}
}
