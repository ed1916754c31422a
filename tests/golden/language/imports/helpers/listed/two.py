print("two runs")
