#include "core/view.h"

#include "core/must.h"

const char *view_name(enum view view)
{
	must(view < VIEWS);

	return view == VIEW_SCHEDULERS ? "schedulers" : "all";
}
